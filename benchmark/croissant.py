"""Describe the datasets in Croissant 1.1 with GeoCroissant 1.0 (JSON-LD), for catalogues.

    python -m benchmark.croissant                  describe the real dataset, to standard output
    python -m benchmark.croissant data/synthetic   describe synthetic scenes, in their croissant.json

Croissant cannot say how to read an HDF5 file: the description gives the shapes, bands and units of the
arrays, and users read them with h5py. The list of synthetic scenes is part of the description, so that any
Croissant reader can load its records. docs/dataset.md says more.

Sources: docs/croissant-spec-1.1.md and docs/croissant-geo-spec.md of github.com/mlcommons/croissant.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmark.core.display import Display
from benchmark.core.errors import SceneError, os_failure
from benchmark.core.files import sha256_of, write_text
from benchmark.download.source import BUCKET, ENDPOINT, PREFIXES
from benchmark.scenes.bands import BANDS, REFLECTIVE, THERMAL
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.scenes.scene import PATTERN
from benchmark.synthesis.manifest import MANIFEST, DatasetManifest, read_manifest

CROISSANT = "croissant.json"
HDF5 = "application/x-hdf5"
BENCHMARK_URL = "https://github.com/mlcommons/science/tree/main/benchmarks/cloudmask"
CITATION = (
    f"@misc{{cloudmask, title={{MLCommons CloudMask Benchmark}}, year={{2023}}, url={{{BENCHMARK_URL}}}}}"
)

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/geo/1.0"]

#: The context that Croissant 1.1 prescribes: its terms, the terms with types, the vocabularies.
TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject "
    "fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path "
    "readLines recordSet references regex repeated replace samplingRate sdVersion separator source "
    "subField transform unArchive"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "geocr": "http://mlcommons.org/croissant/geo/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in TERMS.split()},
}

#: The bands of a field, in the order of its channels.
BANDS_OF = {"refs": REFLECTIVE, "bts": THERMAL, "rads": REFLECTIVE}
SLSTR_GUIDE = "https://sentinel.esa.int/web/sentinel/user-guides/sentinel-3-slstr"

#: Datasets of a scene file: last dimension, type, meaning.
FIELDS = {
    "refs": (6, "sc:Float", "Reflectance of S1 to S6 (0.55 to 2.26 um), unitless; 0 at night."),
    "bts": (3, "sc:Float", "Brightness temperature of S7 to S9 (3.74, 10.85, 12.02 um) in kelvin."),
    "rads": (6, "sc:Float", "Radiance of S1 to S6. The benchmark does not use it."),
    "bayes": (
        1,
        "sc:Integer",
        "Flags of the Bayesian cloud detection: bits 1 single-view low, 2 single-view moderate, 4 dual-view "
        "low, 8 dual-view moderate. The benchmark's label is 1, cloud, where bayes is above 0.",
    ),
}
SUMMARY = ("sc:Text", "Summary of the scene. The benchmark does not use it.")
TRUTH = (0, "sc:Integer", "1 where the simulated cloud's optical depth is above 0.1. Real scenes have none.")


def describe_real() -> dict[str, Any]:
    """Return the Croissant description of cloud_slstr_ds1, whose licence and date are unknown."""
    prefixes = {split: f"s3://{BUCKET}/{names[0]}" for split, names in PREFIXES.items()}
    fields = [_field(name, *FIELDS[name], shape=FULL_SHAPE) for name in FIELDS]
    return {
        **_head(
            "cloud_slstr_ds1",
            "1070 scenes of the Sea and Land Surface Temperature Radiometer (SLSTR) of Sentinel-3A with the "
            "flags of a Bayesian cloud detection: 970 scenes for training (about 163 GB), 100 for inference "
            "(about 17 GB). The dataset of the MLCommons Science benchmark CloudMask. Public, without "
            f"signature, at the S3 endpoint {ENDPOINT}: {prefixes['training']} and {prefixes['inference']}. "
            "Paths here are relative to the folder that holds both. Its documents name no licence.",
        ),
        "prov:wasDerivedFrom": {
            "@id": SLSTR_GUIDE,
            "prov:label": "Level-1 products (SL_1_RBT) of Sentinel-3A SLSTR",
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": "preprocessing/convert_netcdf.py of stfc-sciml/e2e: 500 m channels at 1 km, "
            "missing values 0",
        },
        "geocr:samplingStrategy": "Complete scenes of 1200 x 1500 pixels. A training scene lies in day only "
        "if every pixel is day. The inference scenes are match-ups with buoys.",
        "url": BENCHMARK_URL,
        "publisher": {"@type": "Organization", "name": "Science and Technology Facilities Council (STFC)"},
        "citeAs": CITATION,
        "distribution": _file_sets(),
        "recordSet": [_scene_records([*fields, _entry("summary", *SUMMARY)])],
    }


def describe_synthetic(root: Path, display: Display) -> dict[str, Any]:
    """Return the Croissant description of the synthetic dataset in ``root``, after reading every byte of it.

    Raises SceneError if there is no complete dataset.
    """
    manifest = read_manifest(root / MANIFEST)
    if manifest is None:
        raise SceneError(
            root,
            found=f"no readable {MANIFEST}",
            expected="a complete dataset of synthetic scenes",
            remedy=f"make it: python -m benchmark.synthesis --output {root}",
        )
    settings = manifest.settings
    shape = (settings.rows, settings.columns)
    fields = [_field(name, *FIELDS[name], shape=shape) for name in FIELDS if name != "rads"]
    return {
        **_head(
            "cloudmask-synthetic",
            f"{manifest.training_scenes} training and {manifest.inference_scenes} inference scenes simulated "
            "in the format of cloud_slstr_ds1, of seed "
            f"{settings.seed}. No radiometer saw them: they show that programs work, nothing about clouds.",
        ),
        "version": f"{settings.generator}.0.0",
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"python -m benchmark.synthesis --seed {settings.seed} --rows {settings.rows} "
            f"--columns {settings.columns} --training {manifest.training_scenes} "
            f"--inference {manifest.inference_scenes}",
        },
        "prov:wasAttributedTo": {
            "@type": "prov:SoftwareAgent",
            "prov:label": f"benchmark.synthesis, generator version {settings.generator}",
        },
        "citeAs": "@misc{cloudmask-package, title={CloudMask benchmark submission package}}",
        "license": "https://spdx.org/licenses/Apache-2.0.html",
        "distribution": [*_file_objects(root, manifest, display), *_file_sets()],
        "recordSet": [
            _scene_records([*fields, _field("truth", *TRUTH, shape=shape)]),
            _scene_list(manifest),
        ],
    }


def to_json(description: dict[str, Any]) -> str:
    """Return the text of a description file."""
    return json.dumps(description, indent=2) + "\n"


def _head(name: str, description: str) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": description,
        "keywords": ["cloud mask", "Sentinel-3", "SLSTR", "semantic segmentation", "MLCommons Science"],
        "geocr:spatialResolution": _quantity(1, "km"),
        "geocr:coordinateReferenceSystem": "none: the instrument's image grid, rows along the track and "
        "columns across it; the files hold no coordinates",
    }


def _file_sets() -> list[dict[str, Any]]:
    sets = {
        "scenes": ("All scenes.", [f"{split}/**/{PATTERN}" for split in PREFIXES]),
        **{split: (f"Scenes for {split}.", [f"{split}/**/{PATTERN}"]) for split in PREFIXES},
    }
    return [
        {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "description": description,
            "encodingFormat": HDF5,
            "includes": includes,
        }
        for name, (description, includes) in sets.items()
    ]


def _file_objects(root: Path, manifest: DatasetManifest, display: Display) -> list[dict[str, Any]]:
    total = sum(record.bytes for record in manifest.files.values())
    objects = []
    with display.transfer("reading", 0, total) as advance:
        for name, record in manifest.files.items():
            _check_file(root, name, manifest)
            objects.append(
                {
                    "@type": "cr:FileObject",
                    "@id": name,
                    "name": name.rpartition("/")[2],
                    "contentUrl": name,
                    "contentSize": f"{record.bytes} B",
                    "encodingFormat": HDF5,
                    "sha256": record.sha256,
                }
            )
            advance(record.bytes)
    return objects


def _check_file(root: Path, name: str, manifest: DatasetManifest) -> None:
    """Raise SceneError unless the file has the listed size and sha256."""
    record, settings = manifest.files[name], manifest.settings
    path, found = root / name, "no such file"
    if path.is_file():
        found = f"{path.stat().st_size} bytes of sha256 {sha256_of(path)}"
    wanted = f"{record.bytes} bytes of sha256 {record.sha256}"
    if found != wanted:
        raise SceneError(
            path,
            found=found,
            expected=f"{wanted}, as in {MANIFEST}",
            remedy=f"make it again: python -m benchmark.synthesis --output {root} --verify "
            f"--seed {settings.seed} --rows {settings.rows} --columns {settings.columns} "
            f"--training {manifest.training_scenes} --inference {manifest.inference_scenes}",
        )


def _scene_records(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "scene",
        "name": "scene",
        "description": "One record per file: the HDF5 datasets of a scene. Borders that were not seen are 0.",
        "field": fields,
    }


def _field(
    name: str, channels: int, data_type: str, meaning: str, *, shape: tuple[int, int]
) -> dict[str, Any]:
    dimensions = [*shape, channels] if channels else [*shape]
    entry = _entry(
        name, data_type, f"{meaning} Shape {dimensions}: rows, columns{', channels' * bool(channels)}."
    )
    entry |= {"isArray": True, "arrayShape": ",".join(map(str, dimensions))}
    if bands := BANDS_OF.get(name):
        entry["geocr:bandConfiguration"] = {
            "@type": "geocr:BandConfiguration",
            "geocr:totalBands": len(bands),
            "geocr:bandNameList": [*bands],
        }
        entry["geocr:spectralBandMetadata"] = [
            {
                "@type": "geocr:SpectralBand",
                "name": band,
                "geocr:centerWavelength": _quantity(BANDS[band].centre, "nm"),
                "geocr:bandwidth": _quantity(BANDS[band].width, "nm"),
            }
            for band in bands
        ]
    return entry


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"@type": "QuantitativeValue", "value": value, "unitText": unit}


def _scene_list(manifest: DatasetManifest) -> dict[str, Any]:
    """Return the records that need no HDF5: one per scene, in the description itself."""
    columns = {
        "file": ("sc:Text", "Path of the scene's file."),
        "split": ("sc:Text", "training or inference."),
        "part": ("sc:Text", "day or night."),
        "cloud": ("sc:Float", "Share of the pixels that the label, bayes, calls cloud."),
        "true_cloud": ("sc:Float", "Share of the pixels where truth is 1."),
    }
    data = []
    for name, record in sorted(manifest.files.items()):
        split, part, _ = name.split("/", 2)
        values = (name, split, part, record.cloud, record.true_cloud)
        data.append({f"scenes-list/{key}": value for key, value in zip(columns, values, strict=True)})
    return {
        "@type": "cr:RecordSet",
        "@id": "scenes-list",
        "name": "scenes-list",
        "description": "One record per scene, in this file.",
        "key": {"@id": "scenes-list/file"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"scenes-list/{name}",
                "name": name,
                "description": meaning,
                "dataType": data_type,
            }
            for name, (data_type, meaning) in columns.items()
        ],
        "data": data,
    }


def _entry(name: str, data_type: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"scene/{name}",
        "name": name,
        "description": description,
        "dataType": data_type,
        "source": {"fileSet": {"@id": "scenes"}, "extract": {"column": name}},
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.croissant",
        description="Describe a dataset in Croissant 1.1. Without FOLDER: the real one, to standard output.",
        epilog="Exit status: 0 done, 1 failed (the message says why).",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="synthetic scenes; writes its croissant.json"
    )
    root: Path | None = parser.parse_args(arguments).folder
    if root is None:
        print(to_json(describe_real()), end="")
        return 0
    display = Display()
    try:
        description = describe_synthetic(root, display)
        write_text(root / CROISSANT, to_json(description))
    except (SceneError, OSError) as error:
        if isinstance(error, OSError):
            expected, remedy = "a readable and writable folder", "fix its permissions"
            error = os_failure(SceneError, error, root, expected=expected, remedy=remedy)
        print(f"error: {error}", file=sys.stderr)
        return 1
    display.say(str(root / CROISSANT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
