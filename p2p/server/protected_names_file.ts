/**
 * Keeps the protected names of a server in its data folder. Owns the file `protected-names`: a record a line, to
 * which new ones are appended. The folder must be open: only one server may use it.
 *
 * @module
 */
import { type ProtectedName, reasonOf } from "@netlab/protocol";
import type { Logger } from "../core/logger.ts";

/** The name of the file. */
export const PROTECTED_NAMES = "protected-names";

/** The file with the protected names of a data folder. */
export class ProtectedNamesFile {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #records = new Map<string, ProtectedName>();

  /** Reads the file in a folder, if there is one, and removes what newer records replace. */
  constructor(folder: string, logger: Logger) {
    this.#path = `${folder}/${PROTECTED_NAMES}`;
    this.#logger = logger;
    let lines: string[] = [];
    try {
      lines = Deno.readTextFileSync(this.#path).split("\n").filter((line) => line !== "");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("read", error);
    }
    for (const line of lines) {
      const record = parse(line);
      if (record) this.#records.set(record.name, record);
    }
    if (lines.length > this.#records.size) this.#rewrite();
  }

  /** Writes all records to the file of another folder. */
  copyTo(folder: string): void {
    const copy = new ProtectedNamesFile(folder, this.#logger);
    for (const record of this.#records.values()) copy.save(record);
  }

  /** The records in the file. */
  load(): Iterable<ProtectedName> {
    return this.#records.values();
  }

  /** Adds a record. The server also works without the file, so a failure is only logged. */
  save(record: ProtectedName): void {
    this.#records.set(record.name, record);
    try {
      Deno.writeTextFileSync(this.#path, `${format(record)}\n`, { append: true, mode: 0o600 });
    } catch (error) {
      this.#warn("write", error);
    }
  }

  #rewrite(): void {
    try {
      const text = [...this.#records.values()].map((record) => `${format(record)}\n`).join("");
      Deno.writeTextFileSync(`${this.#path}.new`, text, { mode: 0o600 });
      Deno.renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#warn("write", error);
    }
  }

  #warn(what: string, error: unknown): void {
    this.#logger.warn("cannot {what} {path}, which says which names are protected: {reason}", {
      event: "protected.file",
      what,
      path: this.#path,
      reason: reasonOf(error),
    });
  }
}

function format({ name, version, key, signature, previous }: ProtectedName): string {
  const bytes = [key, signature, previous].map((each) => each.toHex());
  return JSON.stringify([name, version, ...bytes]);
}

/** Returns the record in a line; `undefined` when the line is damaged or only a part was written. */
function parse(line: string): ProtectedName | undefined {
  try {
    const [name, version, ...hex] = JSON.parse(line);
    const [key, signature, previous] = hex.map((each: string) => Uint8Array.fromHex(each));
    const isWhole = typeof name === "string" && Number.isSafeInteger(version) &&
      key.length === 32 && signature.length === 64 && previous.length === 64;
    return isWhole ? { name, version, key, signature, previous } : undefined;
  } catch {
    return undefined;
  }
}
