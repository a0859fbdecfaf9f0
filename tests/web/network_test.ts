/** The network page in a real browser. */
import { browserTests } from "./run.ts";

browserTests("network page follows real servers, also when they are killed", "network.ts");
browserTests("network page draws 100 servers and 5,000 users", "large_network.ts");
browserTests("network page is safe, and can be used by everybody", "network_views.ts");
