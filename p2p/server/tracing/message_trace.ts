/**
 * Traces messages with OpenTelemetry: a span for each server that a message passes. The id of a message is the id of
 * its trace, so that the spans of all servers meet without a word on the wire. Does not know where spans are sent.
 *
 * @module
 */
import {
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { PassedMessage } from "../../core/message_log.ts";

const tracer = trace.getTracer("netlab");

/**
 * Adds a span to the trace of a message, or to those of all messages in a batch.
 *
 * @param address The address of this server.
 */
export function traceMessage(message: PassedMessage, address: string): void {
  const { sender, recipient, bytes, count, from, to, hop } = message;
  const isForwarded = to.server !== undefined;
  const operation = to.refusal !== undefined ? "refuse" : isForwarded ? "forward" : "deliver";
  for (const id of idsOf(message)) {
    const span = tracer.startSpan(
      `${operation} ${recipient}`,
      {
        kind: isForwarded ? SpanKind.PRODUCER : SpanKind.CONSUMER,
        attributes: {
          "messaging.system": "netlab",
          "messaging.operation.name": operation,
          "messaging.message.id": id,
          "messaging.destination.name": recipient,
          "netlab.sender": sender,
          "netlab.server": address,
          "netlab.next_hop": to.label,
          "netlab.hops": hop,
          ...from?.server !== undefined && { "netlab.from": from.label },
          // The sizes of the single messages in a batch are not known here.
          ...count === 1 && { "messaging.message.body.size": bytes },
        },
      },
      traceOf(id),
    );
    if (to.refusal !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: to.refusal });
    }
    span.end();
  }
}

/** Returns the trace of a message. Its root is a span that nobody exports: the message itself. */
function traceOf(id: string): Context {
  const traceId = id.replaceAll("-", "");
  const half = traceId.slice(16);
  const spanId = /^0+$/.test(half) ? "0000000000000001" : half;
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, context);
}

/** Returns the ids of all messages in a batch, which are consecutive. */
function* idsOf({ id, count }: PassedMessage): Iterable<string> {
  yield id;
  const prefix = id.slice(0, -8);
  const first = Number.parseInt(id.slice(-8), 16);
  for (let more = 1; more < count; more++) {
    yield `${prefix}${(first + more).toString(16).padStart(8, "0")}`;
  }
}
