/**
 * Decides whether messages are traced, and loads what traces them only then. Knows nothing about traces.
 *
 * @module
 */
import type { PassedMessage } from "../../core/message_log.ts";

/** Where every version 1 of `@opentelemetry/api` looks for a program's providers. Deno registers its own there. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Returns what traces messages if this program exports traces: when it was started with `OTEL_DENO=true`, or has
 * registered a provider itself. `undefined` otherwise.
 */
export async function openTracing(): Promise<
  ((message: PassedMessage, address: string) => void) | undefined
> {
  if (!(REGISTRY in globalThis)) return undefined;
  const { traceMessage } = await import("./message_trace.ts");
  return traceMessage;
}
