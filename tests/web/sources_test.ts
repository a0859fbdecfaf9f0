/** What is served to browsers, compared with what pages import. */
import { assert, assertEquals } from "@std/assert";
import * as p2p from "@netlab/p2p/sources";
import * as protocol from "@netlab/protocol/sources";
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import * as web from "../../web/sources.ts";
import { ignoreUnless } from "../permissions.ts";
import { socketTest as test } from "../kinds.ts";
import { request } from "./raw_http.ts";

const root = new URL("../../", import.meta.url);

/** The addresses that a file loads, without dynamic imports, which nothing may need at once. */
function loadedBy(path: string, text: string): string[] {
  const code = text.replaceAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*/g, "");
  const found = [
    ...code.matchAll(/^\s*(?:import|export)\b[^"'`;]*?from\s*["']([^"']+)["']/gm),
    ...code.matchAll(/(?:^|;)import\s*["']([^"']+)["']/gm),
    ...code.matchAll(/<(?:script|link)[^>]+(?:src|href)="([^"]+)"/g),
  ].map(([, address]) => address!);
  for (const address of found) {
    assert(/^[./]/.test(address), `${path} imports ${address}, which a browser does not find`);
  }
  return found.map((address) => new URL(address, `http://here${path}`).pathname);
}

test("everything that pages load is served, and nothing else", async () => {
  await using server = await P2pServer.listen();
  await using host = await WebServer.listen(server);
  const seen = new Set<string>();
  const visit = async (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const { status, text } = await request(host.port, path);
    assertEquals(status, 200, `${path} is not in sources.ts`);
    for (const address of loadedBy(path, text)) await visit(address);
  };
  await visit("/");
  await visit("/chat");
  for (const [folder, { SOURCES }] of Object.entries({ protocol, p2p, web })) {
    for (const file of SOURCES.keys()) {
      const path = `/source/${folder}/${file}`;
      const isPage = /\.html$|icon\.svg$/.test(file);
      assert(seen.has(path) || isPage, `${path} is in sources.ts, but no page loads it`);
    }
  }
});

Deno.test({
  name: "sources are those of the files",
  ignore: ignoreUnless.read,
  fn: async () => {
    for (const [folder, { SOURCES }] of Object.entries({ protocol, p2p, web })) {
      for (const [file, text] of SOURCES) {
        assertEquals(text, await Deno.readTextFile(new URL(`${folder}/${file}`, root)), file);
      }
    }
  },
});
