/**
 * The golden vectors: every example of `docs/protocol.md`, as bytes and as a value. Owns the syntax of the
 * examples. Knows nothing of codecs.
 *
 * @module
 */
import { concat } from "@std/bytes";
import doc from "../../docs/protocol.md" with { type: "text" };

/** The value of a vector. */
export interface VectorValue {
  /** The name of the payload layout. */
  what: string;
  type: number;
  subtype: number;
  reserved: number;
  /** The value of the payload. Its type depends on `what`. */
  payload: unknown;
}

/** One example. */
export interface Vector {
  name: string;
  /** One whole frame. */
  bytes: Uint8Array<ArrayBuffer>;
  value: VectorValue;
}

interface Fence {
  info: string;
  body: string[];
  /** The line where it begins, from 1. */
  line: number;
  /** Whether only blank lines separate it from the block before. */
  follows: boolean;
}

function* fences(text: string): Generator<Fence> {
  let fence: Fence | undefined;
  let follows = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (fence && line === "```") {
      yield fence;
      fence = undefined;
      follows = true;
    } else if (fence) {
      fence.body.push(line);
    } else if (line.startsWith("```")) {
      fence = { info: line.slice(3).trim(), body: [], line: index + 1, follows };
    } else if (line.trim() !== "") {
      follows = false;
    }
  }
  if (fence) throw new SyntaxError(`Line ${fence.line}: the block does not end`);
}

function parseBytes({ body, line }: Fence): Uint8Array<ArrayBuffer> {
  const digits = body.map((row) => row.replace(/#.*/, "")).join("").replace(/[\s|]/g, "");
  if (!/^([0-9a-f]{2})+$/.test(digits)) throw new SyntaxError(`Line ${line}: not bytes in hex`);
  return Uint8Array.fromHex(digits);
}

/**
 * The vectors of a page: each `frame NAME` block with the `json` block directly after it.
 *
 * @throws {SyntaxError} When a block has no partner, or a name occurs twice.
 */
export function parseVectors(text: string): Vector[] {
  const found: Vector[] = [];
  let frame: Fence | undefined;
  for (const fence of fences(text)) {
    const at = `Line ${fence.line}`;
    if (fence.info === "json") {
      if (!frame || !fence.follows) throw new SyntaxError(`${at}: no frame block before this json`);
      const name = frame.info.slice("frame ".length);
      if (found.some((vector) => vector.name === name)) {
        throw new SyntaxError(`${at}: a second vector ${name}`);
      }
      found.push({ name, bytes: parseBytes(frame), value: JSON.parse(fence.body.join("\n")) });
      frame = undefined;
    } else if (frame) {
      throw new SyntaxError(`Line ${frame.line}: no json block behind ${frame.info}`);
    } else if (/^frame\b/.test(fence.info)) {
      if (!/^frame [a-z0-9-]+$/.test(fence.info)) throw new SyntaxError(`${at}: not a name`);
      frame = fence;
    }
  }
  if (frame) throw new SyntaxError(`Line ${frame.line}: no json block behind ${frame.info}`);
  return found;
}

/** The text of `docs/protocol.md`. */
export const protocolDoc: string = doc;

/** All vectors of `docs/protocol.md`, in its order. */
export const vectors: readonly Vector[] = parseVectors(doc);

/** The bytes of all vectors as one stream. */
export function concatenated(): Uint8Array<ArrayBuffer> {
  return concat(vectors.map(({ bytes }) => bytes));
}
