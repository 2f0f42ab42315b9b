"""The packager: checked runs become a submission tree. Never imports TensorFlow."""
