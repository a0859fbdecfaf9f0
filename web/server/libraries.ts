/**
 * The libraries of the pages, as text. Owns under which names pages import them. Does not know how they are served.
 *
 * @module
 */
import d3Dispatch from "d3-dispatch" with { type: "text" };
import d3Force from "d3-force" with { type: "text" };
import d3Quadtree from "d3-quadtree" with { type: "text" };
import d3Timer from "d3-timer" with { type: "text" };
import htm from "htm" with { type: "text" };
import htmPreact from "htm/preact" with { type: "text" };
import ipaddr from "ipaddr.js" with { type: "text" };
import jwtDecode from "jwt-decode" with { type: "text" };
import preact from "preact" with { type: "text" };
import preactHooks from "preact/hooks" with { type: "text" };
import uplot from "uplot/dist/uPlot.esm.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };

/** A library that is one file. */
export interface Library {
  /** Its text. */
  readonly text: string;
  /** What the text is: a module of the language, one of CommonJS, or a style sheet. */
  readonly kind: "module" | "commonjs" | "style";
}

const module = (text: string): Library => ({ text, kind: "module" });

/** The libraries, by the name under which a page imports them. */
export const LIBRARIES: ReadonlyMap<string, Library> = new Map([
  ["d3-dispatch", module(d3Dispatch)],
  ["d3-force", module(d3Force)],
  ["d3-quadtree", module(d3Quadtree)],
  ["d3-timer", module(d3Timer)],
  ["htm", module(htm)],
  ["htm/preact", module(htmPreact)],
  ["ipaddr.js", { text: ipaddr, kind: "commonjs" }],
  ["jwt-decode", module(jwtDecode)],
  ["preact", module(preact)],
  ["preact/hooks", module(preactHooks)],
  ["uplot", module(uplot)],
  ["uplot.css", { text: uplotStyle, kind: "style" }],
]);
