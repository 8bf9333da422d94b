/** What {@link element} sets on a new element. */
export interface ElementOptions {
  readonly class?: string;
  /** Attributes as they are written in HTML. `style` does not work under the page's content security policy. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: () => void;
}

/** A new element. Strings become text nodes, so nothing in them is ever read as markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  options: ElementOptions = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag);
  if (options.class !== undefined) created.className = options.class;
  for (const [name, value] of Object.entries(options.attributes ?? {})) created.setAttribute(name, value);
  if (options.onClick !== undefined) created.addEventListener("click", options.onClick);
  created.append(...children);
  return created;
}

/** The element of the page with this id, which the page's HTML promises to be there. */
export function byId<Type extends Element = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element #${id}`);
  return found as Element as Type;
}

/** Sets a text only where it differs, so that screen readers are not told the same again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Runs `update` once before the next paint, however often the returned function is called until then. */
export function oncePerFrame(update: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      update();
    });
  };
}
