/**
 * The files that browsers load: pages, sources without their types, and libraries. Owns their addresses, their types,
 * and to which address each import leads. Does not know HTTP.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import * as protocol from "@netlab/protocol/sources";
import * as web from "../sources.ts";
import { LIBRARIES, type Library } from "./libraries.ts";

/** The sources of one package: the module `sources.ts` of each. */
export interface PackageSources {
  /** The source to which each export of the package leads, as in `deno.json`. */
  readonly EXPORTS: ReadonlyMap<string, string>;
  /** The text of each source, by its path in the package. */
  readonly SOURCES: ReadonlyMap<string, string>;
}

/** Packages by their folders. The name of each is `@netlab/` and its folder. */
export type Packages = ReadonlyMap<string, PackageSources>;

/** The packages whose sources every page uses. */
const OWN: readonly [string, PackageSources][] = [["protocol", protocol], ["web", web]];

/** The sources that are pages, by their addresses. */
const PAGES: ReadonlyMap<string, string> = new Map([
  ["/", "/source/web/pages/network/index.html"],
  ["/chat", "/source/web/pages/chat/index.html"],
  ["/favicon.svg", "/source/web/pages/common/icon.svg"],
]);

const TYPES: ReadonlyMap<string, string> = new Map([
  ["html", "text/html; charset=utf-8"],
  ["css", "text/css; charset=utf-8"],
  ["svg", "image/svg+xml"],
  ["ts", "text/javascript; charset=utf-8"],
]);

/** The names of modules in static and dynamic imports and in exports of other modules. */
const SPECIFIER = /\b(from\s*|import\s*\(?\s*)(["'])([^"'\n]+)\2/g;

/** A file as a browser gets it. */
export interface Asset {
  /** Its media type. */
  readonly type: string;
  /** Its bytes. */
  readonly body: Uint8Array;
  /** The entity tag: changes with the bytes. */
  readonly etag: string;
  /** Whether it is a page, which a person opens. */
  readonly isPage: boolean;
}

/** All files, each made when a browser asks for it first. */
export class Assets {
  readonly #packages: Packages;
  readonly #made = new Map<string, Asset>();

  /**
   * Makes none yet.
   *
   * @param packages The packages whose sources pages use besides those of this one.
   */
  constructor(packages: Packages) {
    this.#packages = new Map([...OWN, ...packages]);
  }

  /** Returns the file at an address such as `/source/protocol/codec/frame.ts`; `undefined` if there is none. */
  get(path: string): Asset | undefined {
    const known = this.#made.get(path);
    if (known) return known;
    const asset = this.#make(path);
    // Only files that exist are kept, so nobody can fill the memory.
    if (asset) this.#made.set(path, asset);
    return asset;
  }

  #make(path: string): Asset | undefined {
    const source = PAGES.get(path) ?? path;
    const [, root, name = ""] = /^\/(source|library)\/(.+)$/.exec(source) ?? [];
    const library = root === "library" ? LIBRARIES.get(name) : undefined;
    const text = library ? this.#withAddresses(asModule(library)) : this.#source(root, name);
    if (text === undefined) return undefined;
    const ending = library?.kind === "style" ? "css" : library ? "ts" : endingOf(name);
    const body = new TextEncoder().encode(text);
    return {
      type: TYPES.get(ending)!,
      body,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      isPage: ending === "html",
    };
  }

  #source(root: string | undefined, name: string): string | undefined {
    if (root !== "source") return undefined;
    const at = name.indexOf("/");
    const text = this.#packages.get(name.slice(0, at))?.SOURCES.get(name.slice(at + 1));
    if (text === undefined || endingOf(name) !== "ts") return text;
    return this.#withAddresses(stripTypeScriptTypes(text));
  }

  /** Replaces the names of packages in imports by addresses, because an import map would be inline code. */
  #withAddresses(text: string): string {
    return text.replace(SPECIFIER, (whole, before: string, quote: string, specifier: string) => {
      const address = this.#addressOf(specifier);
      return address === undefined ? whole : `${before}${quote}${address}${quote}`;
    });
  }

  /** Returns the address of a package or a library; `undefined` for other names, such as those of files. */
  #addressOf(specifier: string): string | undefined {
    if (LIBRARIES.has(specifier)) return `/library/${specifier}`;
    const [, folder = "", entry = ""] = /^@netlab\/(\w+)(\/[\w-]+)?$/.exec(specifier) ?? [];
    const served = this.#packages.get(folder);
    const file = served?.EXPORTS.get(`.${entry}`)?.slice(2);
    return file !== undefined && served!.SOURCES.has(file)
      ? `/source/${folder}/${file}`
      : undefined;
  }
}

function endingOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function asModule({ text, kind }: Library): string {
  if (kind !== "commonjs") return text;
  return `const module = { exports: {} }, exports = module.exports;\n${text}\nexport default module.exports;\n`;
}
