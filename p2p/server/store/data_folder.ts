/**
 * The folder with a server's stored messages. Owns the lock that keeps other servers out, and finds out whether
 * the files of the open database are still the ones in the folder. Must not know the database.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import type { Logger } from "../../core/logger.ts";
import { StoreGoneError } from "../../core/mailbox/message_store.ts";
import { closeToOthers, SECRET_FOLDER_MODE, SECRET_MODE } from "../../files/secret_file.ts";
import { isPresent } from "./files.ts";

const DATABASE = "messages.db";
/** Stays in the folder when no server runs: removing it could remove the lock of the next server. */
const LOCK = "server.lock";
const RESERVE = "messages.reserve";
/** The files that belong to the server: with messages, the name of its network, and its key. */
const OWN_FILES = /^(messages\.|network$|server\.(lock|key)$)/;
/** SQLite's files beside the database, while it is open. */
const BESIDE = ["-wal", "-shm"] as const;
/** What a lock file may say about its server. */
const HOLDER = /^[\x21-\x7e ]{1,300}$/;

/**
 * A data folder in use by this server. The lock is on a file of its own and not on the database: when a process
 * opens and closes a file, the system drops the POSIX locks that SQLite has on it.
 */
export class DataFolder implements Disposable {
  /** The path of the folder, as it was given. */
  readonly path: string;
  /** The path of the database in it. */
  readonly database: string;
  /** The path of the file that keeps space for a full disk. */
  readonly reserve: string;
  #lock: Deno.FsFile;
  #holder = `process ${Deno.pid}`;
  /** Which files were opened, by path. */
  readonly #opened = new Map<string, string | undefined>();

  private constructor(path: string) {
    this.path = path;
    this.database = `${path}/${DATABASE}`;
    this.reserve = `${path}/${RESERVE}`;
    this.#lock = this.#take();
  }

  /**
   * Takes a folder into use. Creates it if it does not exist.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when it cannot be used, or another server uses it.
   */
  static take(path: string): DataFolder {
    try {
      Deno.mkdirSync(path, { recursive: true, mode: SECRET_FOLDER_MODE });
      for (const name of [DATABASE, ...BESIDE.map((suffix) => DATABASE + suffix), LOCK, RESERVE]) {
        if (!isFolder(`${path}/${name}`)) continue;
        throw storageFailed(path, `${name} in it is a folder; choose another folder`);
      }
      const folder = new DataFolder(path);
      // Two folders could lead to one database, and SQLite has its other files where the link leads.
      if (!isLink(folder.database)) return folder;
      folder[Symbol.dispose]();
      throw storageFailed(path, `${DATABASE} in it is a link; name the folder to which it leads`);
    } catch (error) {
      throw error instanceof NetlabError ? error : storageFailed(path, explain(error), error);
    }
  }

  /**
   * Makes the files that only the owner may read, as they are when this server creates them. Logs which others could
   * read: files of older versions, or copies.
   */
  closeToOthers(logger: Logger): void {
    const closed: string[] = [];
    for (const { name } of [...Deno.readDirSync(this.path)]) {
      if (!OWN_FILES.test(name)) continue;
      const file = `${this.path}/${name}`;
      try {
        if (closeToOthers(file)) closed.push(file);
      } catch (error) {
        // SQLite's own files may disappear at any time.
        if (error instanceof Deno.errors.NotFound) continue;
        logger.warn("others can use {file}: {reason}; run chmod 600 on it", {
          event: "storage.mode",
          file,
          reason: explain(error),
        });
      }
    }
    if (closed.length === 0) return;
    logger.warn("others could use {files}: only the owner can now", {
      event: "storage.mode",
      files: closed.join(", "),
    });
  }

  /** Notes the address of the server, for the error of another server that finds the folder in use. */
  setAddress(address: string): void {
    this.#holder = `the server at ${address}, process ${Deno.pid},`;
    writeHolder(this.#lock, this.#holder);
  }

  /** Notes which files are in the folder, after the database was opened and written to. */
  noteFiles(): void {
    for (const path of [this.database, ...this.#beside()]) this.#opened.set(path, identify(path));
  }

  /**
   * Finds out whether the folder still has the database that was opened and the lock.
   *
   * @throws {StoreGoneError} When it does not.
   */
  check(): void {
    this.#expect(this.database);
    const path = `${this.path}/${LOCK}`;
    if (identify(path) === identityOf(this.#lock.statSync())) return;
    // Somebody removed the lock file alone.
    try {
      const lock = this.#take();
      release(this.#lock);
      this.#lock = lock;
    } catch (error) {
      throw new StoreGoneError((error as Error).message, { cause: error });
    }
  }

  /**
   * Finds out whether SQLite's other files are still in the folder.
   *
   * @throws {StoreGoneError} When they are not.
   */
  checkBeside(): void {
    for (const path of this.#beside()) this.#expect(path);
  }

  /** Returns a path beside the folder at which there is nothing yet. */
  beside(): string {
    const time = new Date().toISOString().replaceAll(":", "-");
    return `${this.path.replace(/[/\\]+$/, "")}.rescued-${time}`;
  }

  /** Releases the folder. Call it after the database is closed. */
  [Symbol.dispose](): void {
    writeHolder(this.#lock, "");
    release(this.#lock);
  }

  #beside(): string[] {
    return BESIDE.map((suffix) => this.database + suffix);
  }

  #expect(path: string): void {
    const found = identify(path);
    if (found === this.#opened.get(path)) return;
    throw new StoreGoneError(`${path} was ${found ? "replaced by another file" : "removed"}`);
  }

  #take(): Deno.FsFile {
    const file = Deno.openSync(`${this.path}/${LOCK}`, {
      read: true,
      write: true,
      create: true,
      mode: SECRET_MODE,
    });
    if (file.tryLockSync(true)) {
      writeHolder(file, this.#holder);
      return file;
    }
    const holder = readHolder(file);
    file.close();
    throw storageFailed(this.path, `${holder} uses it; choose another folder`);
  }
}

/** The error of a folder that cannot be used. */
export function storageFailed(folder: string, why: string, cause?: unknown): NetlabError {
  return new NetlabError(
    ErrorCode.StorageFailed,
    `Cannot store messages in ${folder}: ${why}`,
    { cause, fatal: true },
  );
}

/** Why the system refuses to open a folder or a file in it, and what to do. */
export function explain(error: unknown): string {
  if (error instanceof Deno.errors.AlreadyExists) return "it is a file; choose a folder";
  if (error instanceof Deno.errors.NotADirectory) {
    return "a parent of it is a file; choose another folder";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "you do not have permission to write there; choose another folder, or change its permissions";
  }
  const { code, message } = error as Error & { code?: string };
  return code === "EROFS" ? "its file system is read-only; choose another folder" : message;
}

/**
 * Releases a lock. Closing the file is not enough: a child that is just being started has a copy of the descriptor for
 * a moment.
 */
function release(lock: Deno.FsFile): void {
  lock.unlockSync();
  lock.close();
}

function writeHolder(file: Deno.FsFile, holder: string): void {
  try {
    file.truncateSync();
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(new TextEncoder().encode(holder));
  } catch {
    // The disk is full or broken. The lock holds without a text.
  }
}

function readHolder(file: Deno.FsFile): string {
  const bytes = new Uint8Array(300);
  const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  return HOLDER.test(text) ? text : "another server";
}

/**
 * Which file is at a path; `undefined` if there is none.
 *
 * @throws {StoreGoneError} When the system does not say.
 */
function identify(path: string): string | undefined {
  try {
    return identityOf(Deno.statSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new StoreGoneError(`${path} cannot be reached: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function isLink(path: string): boolean {
  return isPresent(path) && Deno.lstatSync(path).isSymlink;
}

function isFolder(path: string): boolean {
  return isPresent(path) && Deno.lstatSync(path).isDirectory;
}

function identityOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev} ${ino}`;
}
