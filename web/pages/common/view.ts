/**
 * What the views of all pages use of the libraries, and a hook for models.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";

export { html, render } from "htm/preact";
export type { ComponentChildren } from "preact";

/** Something that changes and tells it. */
export interface Model {
  /** Calls `changed` after every change. Returns a function that ends this. */
  subscribe(changed: () => void): () => void;
}

/** Draws the component again after every change of a model. */
export function useModel(model: Model): void {
  const [, setVersion] = useState(0);
  useEffect(() => model.subscribe(() => setVersion((version) => version + 1)), [model]);
}

/** Tells of changes, at most once for all that happen together. */
export class Changes implements Model {
  readonly #listeners = new Set<() => void>();
  #isDue = false;

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Tells all listeners when everything that happens together has happened. */
  tell(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      for (const changed of this.#listeners) changed();
    });
  }
}
