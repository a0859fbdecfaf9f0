/**
 * Lets the program of a server ask it, and others through it, for their status, events and users. Owns a connection
 * that never leaves the process. Does not know what is asked.
 *
 * @module
 */
import { ErrorCode, FrameDecoder, FrameWriter, NetlabError } from "@netlab/protocol";
import type { RoutingCore } from "../core/routing_core.ts";
import { StatusQueries } from "../core/session/status_queries.ts";
import { processTime } from "./process_time.ts";

/** Connects {@linkcode StatusQueries} with a core. */
export class OwnQueries {
  /** Asks the server, and others through it. */
  readonly queries: StatusQueries;

  /** Connects with a core. */
  constructor(core: RoutingCore) {
    const nothing = () => {};
    const answers = new FrameDecoder((frame) => void this.queries.received(frame));
    const out = writer((bytes) => answers.push(bytes));
    const transport = { out, pause: nothing, resume: nothing, end: nothing, close: nothing };
    const connection = core.watched({ ...transport, abort: nothing });
    const requests = new FrameDecoder((frame) => core.received(connection, frame));
    this.queries = new StatusQueries({
      out: writer((bytes) => {
        core.setTime(processTime());
        requests.push(bytes);
        core.flush();
      }),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    });
  }

  /** Ends all requests: the server is closed. */
  close(): void {
    this.queries.close(
      new NetlabError(ErrorCode.Closed, "Cannot ask the server: it is closed", { fatal: true }),
    );
  }
}

/** Returns a writer whose frames are passed on when everything that is written together was written. */
function writer(passOn: (bytes: Uint8Array) => void): FrameWriter {
  const out: FrameWriter = new FrameWriter({
    onFirstByte: () =>
      queueMicrotask(() => {
        const bytes = out.take();
        passOn(bytes);
        out.recycle(bytes);
      }),
  });
  return out;
}
