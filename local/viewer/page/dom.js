// Elements without markup: text stays text.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "style") Object.assign(made.style, value);
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const note = (title, detail = "") =>
  element("div", { className: "note" }, element("strong", {}, title), detail && element("span", {}, detail));

/** Opens a dialog with a title and a body; resolves when it is closed, with what closed it. */
export function popup(title, body, buttons = []) {
  const close = element("button", { className: "quiet icon", title: "Close", onclick: () => dialog.close() }, "✕");
  const dialog = element(
    "dialog",
    { className: "popup" },
    element("header", {}, element("h2", {}, title), close),
    element("div", { className: "content", tabIndex: -1, autofocus: true }, body),
  );
  if (buttons.length) {
    const choices = buttons.map(([words, primary]) =>
      element("button", { className: primary ? "primary" : "", onclick: () => dialog.close(words) }, words),
    );
    dialog.append(element("menu", {}, ...choices));
  }
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, closed: new Promise((done) => dialog.addEventListener("close", () => (dialog.remove(), done(dialog.returnValue)))) };
}
