/**
 * A program with one option of every kind, for the tests of terminal. `--do` chooses what it does.
 *
 * @module
 */
import {
  ask,
  interrupt,
  print,
  printError,
  runProgram,
  terminalLogger,
  unlessAborted,
  untilAborted,
  written,
} from "@netlab/terminal";

await runProgram({
  name: "sample",
  summary:
    "Has one option of every kind, and a summary that is longer than a line of a terminal is.",
  version: "1.2.3",
  usage: "sample [options]",
  options: {
    do: { kind: "string", default: "values", help: "What to do." },
    port: { kind: "port", default: 5001, help: "A port." },
    index: { kind: "integer", max: 4, help: "An index." },
    every: { kind: "seconds", help: "A duration." },
    peer: { kind: "address", repeat: true, positional: true, help: "Addresses." },
    json: { kind: "flag", help: "A flag." },
  },
  examples: [{ command: "sample --port 1", what: "Does it on port 1" }],
}, async (options, stop) => {
  switch (options.do) {
    case "values":
      print(JSON.stringify(options));
      return;
    case "wait":
      print("waiting");
      await untilAborted(stop);
      print("stopping");
      return 0;
    case "throw if aborted":
      print("waiting");
      await untilAborted(stop);
      stop.throwIfAborted();
      return 7;
    case "ignore signals":
      stop.addEventListener("abort", () => print("stopping"));
      print("waiting");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
      return 0;
    case "interrupt itself":
      stop.addEventListener("abort", () => print("stopping"));
      interrupt();
      setInterval(interrupt, 50);
      await new Promise((resolve) => setTimeout(resolve, 600_000));
      return 0;
    case "exit":
      return 7;
    case "throw":
      throw new Error("no\nluck", { cause: new Deno.errors.ConnectionRefused("os error 111") });
    case "reject unawaited":
      void Promise.reject(new Error("nobody caught this"));
      await new Promise((resolve) => setTimeout(resolve, 600_000));
      return 0;
    case "throw in a timer":
      setTimeout(() => {
        throw new Error("nobody caught this");
      });
      await new Promise((resolve) => setTimeout(resolve, 600_000));
      return 0;
    case "print much":
      for (let line = 1; line <= 3_000; line++) print(String(line).repeat(100));
      return 0;
    case "print in a timer": {
      const timer = setInterval(() => print("again and again"), 1);
      await untilAborted(stop);
      clearInterval(timer);
      printError("in good order");
      return 0;
    }
    case "print for ever": {
      let writtenAt = performance.now();
      setInterval(() => performance.now() - writtenAt > 300 && printError("waiting"), 50);
      for (;;) {
        print("again and again");
        await unlessAborted(written(), stop);
        writtenAt = performance.now();
      }
    }
    case "print and finish":
      for (let line = 1; line <= 10_000; line++) print(`line ${line} of a report`);
      printError("done");
      return 7;
    case "ask": {
      const check = (answer: string) => answer === "bad" ? "bad it is: try again" : undefined;
      const color = await ask("Color", { default: "blue", check, signal: stop });
      if (color === undefined) {
        print("no answer");
        return 0;
      }
      print(`color ${JSON.stringify(color)}`);
      return;
    }
    case "log much": {
      const logger = terminalLogger({ json: options.json, level: "debug" });
      for (let n = 0; n < 500; n++) {
        logger.warn("error from {from}", { from: "10.0.0.1", n });
        logger.error("a message was lost");
        logger.debug("Ann to Bob", { event: "message" });
      }
      return 0;
    }
    case "log": {
      const logger = terminalLogger({
        json: options.json,
        level: "info",
        onLost: ({ message, nobodyReads }) =>
          printError(`${message}, nobody reads: ${nobodyReads}`),
      });
      logger.debug("not shown");
      logger.info("linked to {peer}", { peer: "127.0.0.1:5002", hops: 2 });
      logger.warn("slow: {user}", {
        user: "Eve\x1b[2J\nBob",
        time: "never",
        error: new Error("x"),
      });
      logger.error("lost {count} of {all}", { count: 1, all: { sent: 2 } });
      return 0;
    }
  }
});
