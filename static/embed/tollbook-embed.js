"use strict";

// Elements that show pages of Tollbook in a frame: <tollbook-usage src="…">, and alike for balance, portal and pricing.
// The frame has the height of its page. Events of an element:
//   tollbook-expiring  the token ends soon, or has ended: set `src` to an address with a new one
//   tollbook-choose    a plan was chosen in the pricing table; `detail.plan` is its code
(() => {
  const NAMES = ["usage", "balance", "portal", "pricing"];
  const MAX_HEIGHT = 20_000; // pixels
  const NOTICE = 60; // seconds before the token ends
  const SHORTEST_WAIT = 2; // seconds, so that a server without valid tokens is not asked in a tight loop

  class TollbookFrame extends HTMLElement {
    static observedAttributes = ["src", "title"];
    #frame = document.createElement("iframe");
    #timer = 0;

    connectedCallback() {
      this.style.display ||= "block";
      Object.assign(this.#frame.style, { border: "0", display: "block", width: "100%" });
      this.#frame.referrerPolicy = "no-referrer";
      window.addEventListener("message", this);
      this.#load();
      this.append(this.#frame);
    }

    disconnectedCallback() {
      window.removeEventListener("message", this);
      clearTimeout(this.#timer);
      this.#frame.remove();
    }

    attributeChangedCallback() {
      if (this.isConnected) this.#load();
    }

    handleEvent(event) {
      // Other frames and scripts send messages to the page as well.
      if (event.source !== this.#frame.contentWindow || event.origin !== this.#address?.origin) return;
      const { source, height, seconds, plan } = event.data ?? {};
      if (source !== "tollbook") return;
      if (Number.isFinite(height)) this.#frame.style.height = `${Math.min(Math.ceil(height), MAX_HEIGHT)}px`;
      if (Number.isFinite(seconds)) this.#expectEnd(seconds);
      if (typeof plan === "string") this.#dispatch("tollbook-choose", { plan });
    }

    get #address() {
      const src = this.getAttribute("src");
      const address = src && URL.canParse(src, document.baseURI) ? new URL(src, document.baseURI) : null;
      return address !== null && /^https?:$/.test(address.protocol) ? address : null;
    }

    #load() {
      const address = this.#address?.href ?? "about:blank";
      this.#frame.title = this.getAttribute("title") ?? this.localName.replace("tollbook-", "");
      if (this.#frame.src !== address) this.#frame.src = address;
    }

    #expectEnd(seconds) {
      clearTimeout(this.#timer);
      const wait = Math.max(seconds - NOTICE, SHORTEST_WAIT);
      this.#timer = setTimeout(() => this.#dispatch("tollbook-expiring", {}), wait * 1000);
    }

    #dispatch(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
    }
  }

  for (const name of NAMES) {
    if (!customElements.get(`tollbook-${name}`)) customElements.define(`tollbook-${name}`, class extends TollbookFrame {});
  }
})();
