/**
 * The sources of this package that run in a browser, as text. A web server serves them without their types.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import pagesChatIndexHtml from "./pages/chat/index.html" with { type: "text" };
import pagesChatMain from "./pages/chat/main.ts" with { type: "text" };
import pagesNetworkIndexHtml from "./pages/network/index.html" with { type: "text" };
import pagesSharedConnectionServers from "./pages/shared/connection/servers.ts" with {
  type: "text",
};
import pagesSharedConnectionSetImmediate from "./pages/shared/connection/set_immediate.ts" with {
  type: "text",
};
import pagesSharedConnectionSocketBytes from "./pages/shared/connection/socket_bytes.ts" with {
  type: "text",
};
import pagesSharedIconSvg from "./pages/shared/icon.svg" with { type: "text" };
import pagesSharedThemeCss from "./pages/shared/theme.css" with { type: "text" };

/** The source to which each export of this package leads, as in `deno.json`. */
export const EXPORTS: ReadonlyMap<string, string> = new Map(Object.entries(config.exports));

/** The text of each source, by its path in the package. */
export const SOURCES: ReadonlyMap<string, string> = new Map([
  ["pages/chat/index.html", pagesChatIndexHtml],
  ["pages/chat/main.ts", pagesChatMain],
  ["pages/network/index.html", pagesNetworkIndexHtml],
  ["pages/shared/connection/servers.ts", pagesSharedConnectionServers],
  ["pages/shared/connection/set_immediate.ts", pagesSharedConnectionSetImmediate],
  ["pages/shared/connection/socket_bytes.ts", pagesSharedConnectionSocketBytes],
  ["pages/shared/icon.svg", pagesSharedIconSvg],
  ["pages/shared/theme.css", pagesSharedThemeCss],
]);
