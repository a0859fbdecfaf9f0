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
import pagesNetworkGraphCamera from "./pages/network/graph/camera.ts" with { type: "text" };
import pagesNetworkGraphDots from "./pages/network/graph/dots.ts" with { type: "text" };
import pagesNetworkGraphGraph from "./pages/network/graph/graph.ts" with { type: "text" };
import pagesNetworkGraphLayout from "./pages/network/graph/layout.ts" with { type: "text" };
import pagesNetworkGraphMovements from "./pages/network/graph/movements.ts" with { type: "text" };
import pagesNetworkGraphPainter from "./pages/network/graph/painter.ts" with { type: "text" };
import pagesNetworkGraphPalette from "./pages/network/graph/palette.ts" with { type: "text" };
import pagesNetworkIndexHtml from "./pages/network/index.html" with { type: "text" };
import pagesNetworkListsCss from "./pages/network/lists.css" with { type: "text" };
import pagesNetworkMain from "./pages/network/main.ts" with { type: "text" };
import pagesNetworkModelEventList from "./pages/network/model/event_list.ts" with { type: "text" };
import pagesNetworkModelHistory from "./pages/network/model/history.ts" with { type: "text" };
import pagesNetworkModelNames from "./pages/network/model/names.ts" with { type: "text" };
import pagesNetworkModelNetwork from "./pages/network/model/network.ts" with { type: "text" };
import pagesNetworkModelRoutes from "./pages/network/model/routes.ts" with { type: "text" };
import pagesNetworkModelSelection from "./pages/network/model/selection.ts" with { type: "text" };
import pagesNetworkModelServer from "./pages/network/model/server.ts" with { type: "text" };
import pagesNetworkModelTraces from "./pages/network/model/traces.ts" with { type: "text" };
import pagesNetworkModelUsers from "./pages/network/model/users.ts" with { type: "text" };
import pagesNetworkNetworkCss from "./pages/network/network.css" with { type: "text" };
import pagesNetworkViewsApp from "./pages/network/views/app.ts" with { type: "text" };
import pagesNetworkViewsCharts from "./pages/network/views/charts.ts" with { type: "text" };
import pagesNetworkViewsFigures from "./pages/network/views/figures.ts" with { type: "text" };
import pagesNetworkViewsGraphView from "./pages/network/views/graph_view.ts" with { type: "text" };
import pagesNetworkViewsListsEventTable from "./pages/network/views/lists/event_table.ts" with {
  type: "text",
};
import pagesNetworkViewsListsMailboxTable from "./pages/network/views/lists/mailbox_table.ts" with {
  type: "text",
};
import pagesNetworkViewsListsPanel from "./pages/network/views/lists/panel.ts" with {
  type: "text",
};
import pagesNetworkViewsListsSentence from "./pages/network/views/lists/sentence.ts" with {
  type: "text",
};
import pagesNetworkViewsListsServerChoice from "./pages/network/views/lists/server_choice.ts" with {
  type: "text",
};
import pagesNetworkViewsListsServerDetails from "./pages/network/views/lists/server_details.ts" with {
  type: "text",
};
import pagesNetworkViewsListsServerList from "./pages/network/views/lists/server_list.ts" with {
  type: "text",
};
import pagesNetworkViewsListsUserTable from "./pages/network/views/lists/user_table.ts" with {
  type: "text",
};
import pagesNetworkViewsRouteCard from "./pages/network/views/route_card.ts" with { type: "text" };
import pagesNetworkViewsSummary from "./pages/network/views/summary.ts" with { type: "text" };
import pagesNetworkViewsTokenForm from "./pages/network/views/token_form.ts" with { type: "text" };
import pagesNetworkWatchPace from "./pages/network/watch/pace.ts" with { type: "text" };
import pagesNetworkWatchWatcher from "./pages/network/watch/watcher.ts" with { type: "text" };
import pagesCommonConnectionFrameHtml from "./pages/common/connection/frame.html" with {
  type: "text",
};
import pagesCommonConnectionServers from "./pages/common/connection/servers.ts" with {
  type: "text",
};
import pagesCommonConnectionSetImmediate from "./pages/common/connection/set_immediate.ts" with {
  type: "text",
};
import pagesCommonConnectionSocketBytes from "./pages/common/connection/socket_bytes.ts" with {
  type: "text",
};
import pagesCommonConnectionSocketFrame from "./pages/common/connection/socket_frame.ts" with {
  type: "text",
};
import pagesCommonHeader from "./pages/common/header.ts" with { type: "text" };
import pagesCommonIconSvg from "./pages/common/icon.svg" with { type: "text" };
import pagesCommonIcons from "./pages/common/icons.ts" with { type: "text" };
import pagesCommonThemeCss from "./pages/common/theme.css" with { type: "text" };
import pagesCommonTheme from "./pages/common/theme.ts" with { type: "text" };
import pagesCommonView from "./pages/common/view.ts" with { type: "text" };

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
  ["pages/network/graph/camera.ts", pagesNetworkGraphCamera],
  ["pages/network/graph/dots.ts", pagesNetworkGraphDots],
  ["pages/network/graph/graph.ts", pagesNetworkGraphGraph],
  ["pages/network/graph/layout.ts", pagesNetworkGraphLayout],
  ["pages/network/graph/movements.ts", pagesNetworkGraphMovements],
  ["pages/network/graph/painter.ts", pagesNetworkGraphPainter],
  ["pages/network/graph/palette.ts", pagesNetworkGraphPalette],
  ["pages/network/index.html", pagesNetworkIndexHtml],
  ["pages/network/lists.css", pagesNetworkListsCss],
  ["pages/network/main.ts", pagesNetworkMain],
  ["pages/network/model/event_list.ts", pagesNetworkModelEventList],
  ["pages/network/model/history.ts", pagesNetworkModelHistory],
  ["pages/network/model/names.ts", pagesNetworkModelNames],
  ["pages/network/model/network.ts", pagesNetworkModelNetwork],
  ["pages/network/model/routes.ts", pagesNetworkModelRoutes],
  ["pages/network/model/selection.ts", pagesNetworkModelSelection],
  ["pages/network/model/server.ts", pagesNetworkModelServer],
  ["pages/network/model/traces.ts", pagesNetworkModelTraces],
  ["pages/network/model/users.ts", pagesNetworkModelUsers],
  ["pages/network/network.css", pagesNetworkNetworkCss],
  ["pages/network/views/app.ts", pagesNetworkViewsApp],
  ["pages/network/views/charts.ts", pagesNetworkViewsCharts],
  ["pages/network/views/figures.ts", pagesNetworkViewsFigures],
  ["pages/network/views/graph_view.ts", pagesNetworkViewsGraphView],
  ["pages/network/views/lists/event_table.ts", pagesNetworkViewsListsEventTable],
  ["pages/network/views/lists/mailbox_table.ts", pagesNetworkViewsListsMailboxTable],
  ["pages/network/views/lists/panel.ts", pagesNetworkViewsListsPanel],
  ["pages/network/views/lists/sentence.ts", pagesNetworkViewsListsSentence],
  ["pages/network/views/lists/server_choice.ts", pagesNetworkViewsListsServerChoice],
  ["pages/network/views/lists/server_details.ts", pagesNetworkViewsListsServerDetails],
  ["pages/network/views/lists/server_list.ts", pagesNetworkViewsListsServerList],
  ["pages/network/views/lists/user_table.ts", pagesNetworkViewsListsUserTable],
  ["pages/network/views/route_card.ts", pagesNetworkViewsRouteCard],
  ["pages/network/views/summary.ts", pagesNetworkViewsSummary],
  ["pages/network/views/token_form.ts", pagesNetworkViewsTokenForm],
  ["pages/network/watch/pace.ts", pagesNetworkWatchPace],
  ["pages/network/watch/watcher.ts", pagesNetworkWatchWatcher],
  ["pages/common/connection/frame.html", pagesCommonConnectionFrameHtml],
  ["pages/common/connection/servers.ts", pagesCommonConnectionServers],
  ["pages/common/connection/set_immediate.ts", pagesCommonConnectionSetImmediate],
  ["pages/common/connection/socket_bytes.ts", pagesCommonConnectionSocketBytes],
  ["pages/common/connection/socket_frame.ts", pagesCommonConnectionSocketFrame],
  ["pages/common/header.ts", pagesCommonHeader],
  ["pages/common/icon.svg", pagesCommonIconSvg],
  ["pages/common/icons.ts", pagesCommonIcons],
  ["pages/common/theme.css", pagesCommonThemeCss],
  ["pages/common/theme.ts", pagesCommonTheme],
  ["pages/common/view.ts", pagesCommonView],
]);
