/**
 * Keeps the messages of a user in the browser until the user signs out, so that they survive when the page is loaded
 * again. Owns the database. Does not know what messages mean.
 *
 * @module
 */
/// <reference lib="dom" />
import type { ChatMessage } from "./message.ts";

const DATABASE = "netlab chat";
const TABLE = "messages";
const BY_ACCOUNT = "account";

/** The messages of one user in this browser. */
export class MessageStore {
  readonly #account: string;
  readonly #database: IDBDatabase;

  private constructor(account: string, database: IDBDatabase) {
    this.#account = account;
    this.#database = database;
  }

  /**
   * Opens the messages of a user.
   *
   * @throws {DOMException} When the browser stores nothing for this page.
   */
  static async open(account: string): Promise<MessageStore> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      const table = request.result.createObjectStore(TABLE, { keyPath: ["account", "id"] });
      table.createIndex(BY_ACCOUNT, ["account", "at"]);
    };
    return new MessageStore(account, await done(request));
  }

  /** Returns all messages of the user, the oldest first. */
  all(): Promise<ChatMessage[]> {
    const index = this.#database.transaction(TABLE).objectStore(TABLE).index(BY_ACCOUNT);
    return done(index.getAll(this.#range()));
  }

  /** Stores a message, or what has become of it. Resolves when it survives a crash of the browser. */
  async put(message: ChatMessage): Promise<void> {
    const change = this.#database.transaction(TABLE, "readwrite", { durability: "strict" });
    change.objectStore(TABLE).put(message);
    await committed(change);
  }

  /** Removes all messages of the user. */
  async clear(): Promise<void> {
    const change = this.#database.transaction(TABLE, "readwrite");
    const request = change.objectStore(TABLE).index(BY_ACCOUNT).openCursor(this.#range());
    request.onsuccess = () => {
      request.result?.delete();
      request.result?.continue();
    };
    await committed(change);
  }

  /** Ends the use of the database. */
  close(): void {
    this.#database.close();
  }

  #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.#account, -Infinity], [this.#account, Infinity]);
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(change: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    change.oncomplete = () => resolve();
    change.onerror = change.onabort = () => reject(change.error);
  });
}
