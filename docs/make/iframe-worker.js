// Browsers start no worker from a page that was opened as a file. There the search runs in a frame of the page instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      const script = `
        window.postMessage = data => parent.dispatchEvent(new MessageEvent("worker", {data}));
        window.importScripts = (...urls) => Promise.all(urls.map(url => new Promise((resolve, reject) => {
          const made = Object.assign(document.createElement("script"), {src: url, onload: resolve, onerror: reject});
          document.body.append(made);
        })));`;
      this.frame.srcdoc = `<body><script>${script}<\/script><script src="${new URL(url, document.baseURI)}"><\/script></body>`;
      addEventListener("worker", ({data}) => this.dispatchEvent(new MessageEvent("message", {data})));
      this.loaded = new Promise(resolve => this.frame.addEventListener("load", resolve, {once: true}));
      document.body.append(this.frame);
    }

    postMessage(data) {
      this.loaded.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", {data})));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
