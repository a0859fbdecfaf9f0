/**
 * The demo to look at: three servers with pages, users who write to each other, one slow link, and a server that is
 * killed every twenty seconds. Owns only the script.
 *
 * @module
 */
import { bold, cyan, dim, print, runProgram, unlessAborted, yellow } from "@netlab/terminal";
import { DemoNetwork } from "@netlab/lab/demo";
import config from "./web/deno.json" with { type: "json" };

/** How often a server is killed, and after what time it starts again: milliseconds. */
const KILL_EVERY_MS = 20_000;
const RESTART_MS = 7_000;
/** The port of the first server's pages; the others follow. */
const WEB_PORT = 8080;

await runProgram({
  name: "netlab web demo",
  summary:
    "Runs three servers with web pages and users who write to each other. One link is slow, and a " +
    "server is killed every twenty seconds.",
  version: config.version,
  usage: "deno task demo:web [options]",
  options: {
    port: {
      kind: "port",
      default: WEB_PORT,
      help: "The port of the first server's pages; those of the others follow.",
    },
    seconds: {
      kind: "seconds",
      help: "End after so many seconds. Default: when you press Ctrl+C.",
    },
  },
  examples: [{
    command: "deno task demo:web",
    what: "Run the demo, and open the address that it shows",
  }],
}, async ({ port, seconds }, stop) => {
  const signal = seconds === undefined
    ? stop
    : AbortSignal.any([stop, AbortSignal.timeout(seconds * 1_000)]);
  const pause = (ms: number) =>
    unlessAborted(new Promise<void>((resolve) => void setTimeout(resolve, ms)), signal);
  const webPorts = [port, port + 1, port + 2];
  await using network = await DemoNetwork.start({ webPorts });
  const [first] = network.origins;
  print(
    `${bold("Open")} ${cyan(`${first}/`)} ${dim("for the network,")} ${cyan(`${first}/chat`)} ${
      dim("to write to its users.")
    }`,
  );
  network.names.forEach((name, index) =>
    print(`  ${name.padEnd(6)} ${dim(network.origins[index]!)}`)
  );
  print(dim("The link between the first and the last one is slow. Ctrl+C ends the demo."));
  try {
    // The first server stays, so that its pages can be loaded again.
    for (let victim = 1;; victim = victim === 1 ? 2 : 1) {
      await pause(KILL_EVERY_MS - RESTART_MS);
      print(`${yellow("kill -9")} ${network.names[victim]}`);
      await network.kill(victim);
      await pause(RESTART_MS);
      await network.restart(victim);
      print(`${network.names[victim]} runs again`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
});
