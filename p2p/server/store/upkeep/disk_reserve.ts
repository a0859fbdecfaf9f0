/**
 * Space that is kept free for a full disk: without any, delivered messages could not be removed, and the disk would
 * stay full. Owns the file that takes the space. Must not know the database.
 *
 * @module
 */
import { SECRET_MODE } from "../../../files/secret_file.ts";
import { removeIfPresent } from "../files.ts";

/** The size of the file: bytes. It is enough to remove thousands of messages at a time, several times. */
const RESERVE_BYTES = 1024 * 1024;

/** The reserve of one data folder. */
export class DiskReserve implements Disposable {
  /** Whether the space is taken. If not, the disk is full. */
  isThere = false;
  readonly #path: string;

  /** Takes the space, if there is any. `path` is that of the file. */
  constructor(path: string) {
    this.#path = path;
    this.restore();
  }

  /** Gives the space to those who need it now. */
  release(): void {
    this.isThere = false;
    removeIfPresent(this.#path);
  }

  /** Takes the space again, if there is enough. */
  restore(): void {
    if (this.isThere) return;
    try {
      Deno.writeFileSync(this.#path, new Uint8Array(RESERVE_BYTES), { mode: SECRET_MODE });
      this.isThere = true;
    } catch {
      this.release();
    }
  }

  /** Removes the file. */
  [Symbol.dispose](): void {
    this.release();
  }
}
