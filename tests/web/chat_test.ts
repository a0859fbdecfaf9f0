/** The chat page in a real browser. */
import { browserTests } from "./run.ts";

browserTests("chat page signs in", "sign_in.ts");
