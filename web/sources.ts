/**
 * The sources of this package that run in a browser, as text. A web server serves them without their types.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import pagesChatChatCss from "./pages/chat/chat.css" with { type: "text" };
import pagesChatIndexHtml from "./pages/chat/index.html" with { type: "text" };
import pagesChatMain from "./pages/chat/main.ts" with { type: "text" };
import pagesChatModelChat from "./pages/chat/model/chat.ts" with { type: "text" };
import pagesChatModelConversations from "./pages/chat/model/conversations.ts" with { type: "text" };
import pagesChatModelDirectory from "./pages/chat/model/directory.ts" with { type: "text" };
import pagesChatModelMessage from "./pages/chat/model/message.ts" with { type: "text" };
import pagesChatModelMessageStore from "./pages/chat/model/message_store.ts" with { type: "text" };
import pagesChatModelPeople from "./pages/chat/model/people.ts" with { type: "text" };
import pagesChatViewsAddress from "./pages/chat/views/address.ts" with { type: "text" };
import pagesChatViewsApp from "./pages/chat/views/app.ts" with { type: "text" };
import pagesChatViewsAvatar from "./pages/chat/views/avatar.ts" with { type: "text" };
import pagesChatViewsChatView from "./pages/chat/views/chat_view.ts" with { type: "text" };
import pagesChatViewsComposer from "./pages/chat/views/composer.ts" with { type: "text" };
import pagesChatViewsConnectionStatus from "./pages/chat/views/connection_status.ts" with {
  type: "text",
};
import pagesChatViewsConversationList from "./pages/chat/views/conversation_list.ts" with {
  type: "text",
};
import pagesChatViewsConversationView from "./pages/chat/views/conversation_view.ts" with {
  type: "text",
};
import pagesChatViewsMessageView from "./pages/chat/views/message_view.ts" with { type: "text" };
import pagesChatViewsSignIn from "./pages/chat/views/sign_in.ts" with { type: "text" };
import pagesChatViewsTimes from "./pages/chat/views/times.ts" with { type: "text" };
import pagesNetworkIndexHtml from "./pages/network/index.html" with { type: "text" };
import pagesSharedConnectionFrameHtml from "./pages/shared/connection/frame.html" with {
  type: "text",
};
import pagesSharedConnectionServers from "./pages/shared/connection/servers.ts" with {
  type: "text",
};
import pagesSharedConnectionSetImmediate from "./pages/shared/connection/set_immediate.ts" with {
  type: "text",
};
import pagesSharedConnectionSocketBytes from "./pages/shared/connection/socket_bytes.ts" with {
  type: "text",
};
import pagesSharedConnectionSocketFrame from "./pages/shared/connection/socket_frame.ts" with {
  type: "text",
};
import pagesSharedHeader from "./pages/shared/header.ts" with { type: "text" };
import pagesSharedIconSvg from "./pages/shared/icon.svg" with { type: "text" };
import pagesSharedIcons from "./pages/shared/icons.ts" with { type: "text" };
import pagesSharedThemeCss from "./pages/shared/theme.css" with { type: "text" };
import pagesSharedTheme from "./pages/shared/theme.ts" with { type: "text" };
import pagesSharedView from "./pages/shared/view.ts" with { type: "text" };

/** The source to which each export of this package leads, as in `deno.json`. */
export const EXPORTS: ReadonlyMap<string, string> = new Map(Object.entries(config.exports));

/** The text of each source, by its path in the package. */
export const SOURCES: ReadonlyMap<string, string> = new Map([
  ["pages/chat/chat.css", pagesChatChatCss],
  ["pages/chat/index.html", pagesChatIndexHtml],
  ["pages/chat/main.ts", pagesChatMain],
  ["pages/chat/model/chat.ts", pagesChatModelChat],
  ["pages/chat/model/conversations.ts", pagesChatModelConversations],
  ["pages/chat/model/directory.ts", pagesChatModelDirectory],
  ["pages/chat/model/message.ts", pagesChatModelMessage],
  ["pages/chat/model/message_store.ts", pagesChatModelMessageStore],
  ["pages/chat/model/people.ts", pagesChatModelPeople],
  ["pages/chat/views/address.ts", pagesChatViewsAddress],
  ["pages/chat/views/app.ts", pagesChatViewsApp],
  ["pages/chat/views/avatar.ts", pagesChatViewsAvatar],
  ["pages/chat/views/chat_view.ts", pagesChatViewsChatView],
  ["pages/chat/views/composer.ts", pagesChatViewsComposer],
  ["pages/chat/views/connection_status.ts", pagesChatViewsConnectionStatus],
  ["pages/chat/views/conversation_list.ts", pagesChatViewsConversationList],
  ["pages/chat/views/conversation_view.ts", pagesChatViewsConversationView],
  ["pages/chat/views/message_view.ts", pagesChatViewsMessageView],
  ["pages/chat/views/sign_in.ts", pagesChatViewsSignIn],
  ["pages/chat/views/times.ts", pagesChatViewsTimes],
  ["pages/network/index.html", pagesNetworkIndexHtml],
  ["pages/shared/connection/frame.html", pagesSharedConnectionFrameHtml],
  ["pages/shared/connection/servers.ts", pagesSharedConnectionServers],
  ["pages/shared/connection/set_immediate.ts", pagesSharedConnectionSetImmediate],
  ["pages/shared/connection/socket_bytes.ts", pagesSharedConnectionSocketBytes],
  ["pages/shared/connection/socket_frame.ts", pagesSharedConnectionSocketFrame],
  ["pages/shared/header.ts", pagesSharedHeader],
  ["pages/shared/icon.svg", pagesSharedIconSvg],
  ["pages/shared/icons.ts", pagesSharedIcons],
  ["pages/shared/theme.css", pagesSharedThemeCss],
  ["pages/shared/theme.ts", pagesSharedTheme],
  ["pages/shared/view.ts", pagesSharedView],
]);
