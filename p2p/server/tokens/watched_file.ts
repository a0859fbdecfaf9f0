/**
 * A file whose value is read again when the file changes. If it then cannot be read, the last good value stays.
 * Must not know what the file contains.
 *
 * @module
 */

/** A file, and what was read from it. */
export class WatchedFile<T> {
  /** The path of the file. */
  readonly path: string;
  readonly #read: (path: string) => T | Promise<T>;
  #value: T;
  /** What identifies the version that was read last, even if it could not be used. */
  #version: string;

  private constructor(
    path: string,
    read: (path: string) => T | Promise<T>,
    value: T,
    version: string,
  ) {
    this.path = path;
    this.#read = read;
    this.#value = value;
    this.#version = version;
  }

  /** Reads a file. Throws the errors of `read`. */
  static async open<T>(
    path: string,
    read: (path: string) => T | Promise<T>,
  ): Promise<WatchedFile<T>> {
    const version = versionOf(path);
    return new WatchedFile(path, read, await read(path), version);
  }

  /** The last value that could be used. */
  get value(): T {
    return this.#value;
  }

  /** Reads the file at the next look, even if it has not changed: what it means depends on another file. */
  forget(): void {
    this.#version = "";
  }

  /**
   * Reads the file again if it has changed.
   *
   * @returns Whether there is a new value.
   * @throws {unknown} The errors of `read`, once for each version of the file.
   */
  async look(): Promise<boolean> {
    const version = versionOf(this.path);
    if (version === this.#version) return false;
    this.#version = version;
    this.#value = await this.#read(this.path);
    return true;
  }
}

function versionOf(path: string): string {
  try {
    const { dev, ino, size, mtime, ctime, mode } = Deno.statSync(path);
    return [dev, ino, size, mtime?.getTime(), ctime?.getTime(), mode].join(" ");
  } catch (error) {
    return (error as Error).name;
  }
}
