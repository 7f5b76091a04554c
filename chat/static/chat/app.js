// What HTML cannot do on the page of a conversation. Sentences come from its data attributes.
(() => {
  const $ = (id) => document.getElementById(id);
  const chat = $("conversation");
  const words = chat.dataset;
  const composer = $("composer");
  const text = $("composer-text");
  const note = $("composer-note");
  const isLive = (status) => status === "queued" || status === "streaming";

  // The draft: what was typed survives reloads, other pages and an expired session.

  const DRAFT = words.draft;
  const NEW_DRAFT = DRAFT.replace(/[^-]+$/, "new");

  const store = (act) => {
    try {
      return act(sessionStorage);
    } catch {
      return null; // forbidden or full: then the draft lives in the page only
    }
  };
  const saved = (name) => JSON.parse(store((kept) => kept.getItem(name)) || "null");
  const forget = (name) => store((kept) => kept.removeItem(name));
  const save = (isSubmitted) =>
    store((kept) => kept.setItem(DRAFT, JSON.stringify({ text: text.value, isSubmitted })));

  // A draft that was on its way when the page went is done with once the page shows it.
  const hasArrived = (draft) =>
    draft?.isSubmitted && draft.text === [...chat.querySelectorAll(".said")].at(-1)?.textContent;

  const restore = () => {
    for (const name of [NEW_DRAFT, DRAFT]) if (hasArrived(saved(name))) forget(name);
    text.value ||= saved(DRAFT)?.text ?? "";
  };

  $("sign-out").addEventListener("submit", () => store((kept) => kept.clear()));

  // The composer.

  let pending = null; // { key, isSent } while a message is under way
  let isOpen = false; // the socket

  const newKey = () => {
    composer.elements.key.value = crypto.getRandomValues(new Uint32Array(3)).join("-");
  };

  const fit = () => {
    if (CSS.supports("field-sizing", "content")) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  };

  const count = () => {
    const most = Number(text.dataset.maxLength);
    const isNear = text.value.length > most * 0.9;
    const length = isNear ? [...text.value].length : 0;
    const output = $("composer-count");
    output.hidden = !isNear;
    output.value = `${length} / ${most}`;
    output.toggleAttribute("data-over", length > most);
  };

  const release = (sentence = "") => {
    clearTimeout(pending?.patience);
    pending = null;
    delete composer.dataset.pending;
    text.readOnly = false;
    note.textContent = sentence;
  };

  const accepted = (key) => {
    if (pending?.key !== key) return;
    text.value = "";
    forget(DRAFT);
    newKey();
    release();
    clearError();
    fit();
    count();
  };

  const refused = (key) => {
    if (pending?.key !== key) return;
    release();
    text.focus();
  };

  const clearError = () => $("composer-error").replaceChildren();

  text.addEventListener("input", () => {
    clearError();
    save(false);
    fit();
    count();
  });

  text.addEventListener("keydown", (event) => {
    const isComposing = event.isComposing || event.keyCode === 229; // Safari ends composing first
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  // In the capturing phase, so that it comes before htmx sends.
  composer.addEventListener(
    "submit",
    (event) => {
      const isHuge = text.value.length > 4 * text.dataset.maxLength; // no frame holds it
      if (isHuge) note.textContent = words.huge;
      if (pending || isHuge || !text.value.trim()) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      pending = { key: composer.elements.key.value, isSent: false };
      composer.dataset.pending = "";
      text.readOnly = true;
      save(true);
      if (composer.hasAttribute("hx-ws:send") && !isOpen) note.textContent = words.waiting;
      isStuck = true;
    },
    true,
  );

  const select = composer.elements.model;
  const showNotice = () => {
    for (const notice of chat.querySelectorAll(".notice[data-model]")) {
      notice.hidden = notice.dataset.model !== select?.value;
    }
  };
  select?.addEventListener("change", showNotice);

  // Scrolling: stay at the end as long as the reader is there.

  const page = document.scrollingElement;
  const jump = $("jump");
  let isStuck = true;
  let lastTop = 0;

  const toEnd = (behavior = "instant") => page.scrollTo({ top: page.scrollHeight, behavior });
  let isDue = false;
  const keepUp = () => {
    if (isDue || !isStuck) return;
    isDue = true; // once a painted frame
    requestAnimationFrame(() => {
      isDue = false;
      if (isStuck) toEnd();
    });
  };

  addEventListener(
    "scroll",
    () => {
      const top = page.scrollTop;
      if (page.scrollHeight - page.clientHeight - top < 4) isStuck = true;
      else if (top < lastTop) isStuck = false;
      lastTop = top;
      jump.hidden = isStuck;
    },
    { passive: true },
  );
  addEventListener("resize", keepUp);
  new ResizeObserver(keepUp).observe(composer.parentElement);

  jump.addEventListener("click", () => {
    isStuck = true; // the end moves on meanwhile
    toEnd("auto");
  });

  // The socket.

  const banner = $("connection");
  let alarm;
  let link; // htmx's connection
  let resent; // the key of a message that went out twice

  // A dead line does not always close by itself.
  const hangUp = () => link?.socket?.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  addEventListener("offline", hangUp);

  const show = (sentence, isSignIn = false) => {
    clearTimeout(alarm);
    banner.hidden = false;
    banner.querySelector("span").textContent = sentence;
    banner.querySelector("a").hidden = !isSignIn;
  };

  chat.addEventListener("htmx:ws:after:connection", ({ detail }) => {
    link = detail.connection;
    isOpen = true;
    clearTimeout(alarm);
    banner.hidden = true;
    if (!pending?.isSent) return;
    // Nobody said that it arrived; the key makes asking twice harmless.
    const { key } = pending;
    release(key === resent ? words.unsent : "");
    if (key === resent) return;
    resent = key;
    composer.requestSubmit();
  });

  chat.addEventListener("htmx:ws:close", ({ detail: { code, connection } }) => {
    isOpen = false;
    if (connection.config.reconnectCodes.includes(code)) {
      clearTimeout(alarm);
      alarm = setTimeout(show, 1000, words.lost);
      if (pending) note.textContent = words.waiting;
      return;
    }
    if (code === 4401) show(words.signedOut, true);
    else show(code === 4404 ? words.gone : words.closed);
    if (pending) release(words.unsent);
  });

  composer.addEventListener("htmx:ws:after:message:outgoing", () => {
    if (!pending) return;
    pending.isSent = true;
    pending.patience = setTimeout(hangUp, 8000);
    note.textContent = "";
  });

  composer.addEventListener("htmx:ws:error", () => release(words.unsent));

  chat.addEventListener("htmx:ws:after:message:incoming", async ({ detail: { message } }) => {
    if (message.data[0] !== "{") return;
    const said = await message.json();
    if ("status" in said) settle(said);
    else if ("accepted" in said) accepted(said.accepted);
    else if ("refused" in said) refused(said.refused);
  });

  const tell = (sentence) => {
    $("announcer").textContent = sentence;
  };

  const settle = ({ message, status }) => {
    const bubble = $(`message-${message}`);
    if (!bubble) return;
    bubble.dataset.status = status;
    bubble.setAttribute("aria-busy", isLive(status));
    if (!isLive(status)) {
      delete words.stopping;
      clearError();
    }
    tell(words[`say${status[0].toUpperCase()}${status.slice(1)}`]);
  };

  $("stop-form")?.addEventListener("submit", () => {
    words.stopping = "";
  });

  // Copying.

  const label = () => {
    for (const button of chat.querySelectorAll(".copy:empty")) button.textContent = words.copy;
  };

  // As a selection reads it, with line breaks.
  const textFrom = (first, last) => {
    const selection = getSelection();
    selection.setBaseAndExtent(first, 0, last, last.childNodes.length);
    const selected = selection.toString().trim();
    selection.removeAllRanges();
    return selected;
  };

  const copy = async (what) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(what);
    const put = (event) => {
      event.clipboardData.setData("text/plain", what);
      event.preventDefault();
    };
    addEventListener("copy", put, { once: true });
    document.execCommand("copy"); // all there is over plain http
  };

  chat.addEventListener("click", async ({ target }) => {
    const button = target.closest("button[data-copy]");
    if (!button) return;
    const id = button.dataset.copy;
    await copy(
      id ? textFrom($(`${id}-blocks`), $(`${id}-tail`)) : button.closest("figure").querySelector("pre").textContent,
    );
    const place = button.querySelector("span") ?? button;
    place.textContent = words.copied;
    button.dataset.done = "";
    tell(words.copied);
    setTimeout(() => {
      place.textContent = words.copy;
      delete button.dataset.done;
    }, 2000);
  });

  // Beginning.

  chat.addEventListener("htmx:after:swap", () => {
    label();
    keepUp();
  });

  // Coming back to a page that the browser kept: its socket was closed when it was left.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload();
  });

  history.scrollRestoration = "manual";
  restore();
  newKey();
  fit();
  count();
  showNotice();
  label();
  toEnd();
  if (matchMedia("(pointer: fine)").matches) text.focus({ preventScroll: true });
})();
