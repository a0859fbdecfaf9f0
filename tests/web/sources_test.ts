/**
 * The sources that browsers load: whatever one of them imports is among them.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";
import { assertEquals } from "@std/assert";
import * as p2p from "@netlab/p2p/sources";
import * as protocol from "@netlab/protocol/sources";
import { pureTest } from "../kinds.ts";

for (const [name, { SOURCES }] of Object.entries({ p2p, protocol })) {
  pureTest(`every source of ${name} for browsers imports only sources for browsers`, () => {
    const missing: string[] = [];
    for (const [path, text] of SOURCES) {
      if (!path.endsWith(".ts")) continue;
      const code = stripTypeScriptTypes(text);
      for (const [, specifier] of code.matchAll(/\bfrom\s*["'](\.[^"'\n]+)["']/g)) {
        const { pathname } = new URL(specifier!, `https://netlab.invalid/${path}`);
        if (!SOURCES.has(pathname.slice(1))) missing.push(`${path} imports ${specifier}`);
      }
    }
    assertEquals(missing, []);
  });
}
