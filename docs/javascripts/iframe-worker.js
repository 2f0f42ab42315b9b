/* Lets the search work where the site is opened from disk. Browsers refuse workers there; this runs the
   worker's script in a hidden frame instead. Zensical would load such a script from the network. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.appendChild(this.frame)
      const inner = this.frame.contentWindow
      this.receive = event => {
        if (event.source !== inner) return
        this.onmessage?.(event)
        this.dispatchEvent(new MessageEvent("message", { data: event.data }))
      }
      addEventListener("message", this.receive)
      this.ready = new Promise(resolve => {
        inner.document.open()
        inner.document.write("<script>postMessage = data => parent.postMessage(data, '*')</script>")
        const script = inner.document.createElement("script")
        script.src = url
        script.onload = resolve
        inner.document.write("<body></body>")
        inner.document.close()
        inner.document.body.appendChild(script)
      })
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data, source: window })))
    }
    terminate() {
      removeEventListener("message", this.receive)
      this.frame.remove()
    }
  }
}
