/** The chat page in a real browser. */
import { browserTests } from "./run.ts";

browserTests("chat page sends, receives and keeps messages", "chat.ts");
browserTests("golden vectors pass in the browser", "codec.ts");
browserTests("chat page is accessible in both themes, and by keyboard", "accessibility.ts");
browserTests("pages of a killed server lose and repeat nothing", "three_servers.ts");
