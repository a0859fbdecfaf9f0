/**
 * The file format of regression vectors: what each connection sends, in order.
 *
 * @module
 */
import type { Input } from "./target.ts";

/** Formats inputs for a file: the number of the connection and the bytes in hex, one input in a line. */
export function formatInputs(inputs: readonly Input[]): string {
  return inputs.map(({ connection, bytes }) => `${connection} ${bytes.toHex()}\n`).join("");
}

/** Parses what {@linkcode formatInputs} returns. */
export function parseInputs(text: string): Input[] {
  return text.trim().split("\n").map((line) => {
    const [connection, hex = ""] = line.split(" ");
    return { connection: Number(connection), bytes: Uint8Array.fromHex(hex) };
  });
}
