/** The chat page in a real browser. */
import { browserTests } from "./run.ts";

browserTests("chat page sends, receives and keeps messages", "chat.ts");
