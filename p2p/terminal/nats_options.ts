/**
 * The options of server programs for NATS, and how they are used. Loads the package for it only then.
 *
 * @module
 */
import { UsageError } from "@netlab/terminal";
import type { Logger } from "../core/logger.ts";
import type { Engine } from "../server/engine.ts";

/** The numbers of NATS servers that may store each message: a majority of them must be there. */
const REPLICAS: readonly number[] = [1, 3, 5];

/** The options. */
export const natsOptions = {
  nats: {
    kind: "string",
    value: "URL",
    repeat: true,
    help:
      "Connect with other servers through NATS with JetStream, which also stores the messages: " +
      "nats://HOST:PORT, or tls://HOST:PORT. Repeat it for each NATS server of a cluster. " +
      "Default: servers connect with each other.",
  },
  "nats-credentials": {
    kind: "string",
    value: "FILE",
    help: "The file with the credentials for NATS.",
  },
  "nats-replicas": {
    kind: "integer",
    min: 1,
    max: 5,
    help:
      "How many NATS servers store each message: 1, 3 or 5. It counts for the first server of a " +
      "network. Default: 1.",
  },
  "nats-storage": {
    kind: "string",
    value: "file|memory",
    help: "Where NATS stores messages. It counts for the first server of a network. Default: file.",
  },
} as const;

/** The values of the options, and of others that concern NATS. */
export interface NatsValues {
  /** The addresses of NATS servers. */
  readonly nats: readonly string[];
  readonly "nats-credentials"?: string | undefined;
  readonly "nats-replicas"?: number | undefined;
  readonly "nats-storage"?: string | undefined;
  /** The name of the network. */
  readonly network?: string | undefined;
  /** A file with certificates of authorities to trust. */
  readonly "tls-ca"?: string | undefined;
  /** The data folder. */
  readonly data?: string | undefined;
  /** Other servers. */
  readonly peer: readonly unknown[];
}

/** How a server uses NATS. It can be sent to a thread. */
export interface NatsSettings {
  /** The addresses of NATS servers. */
  readonly servers: readonly string[];
  /** The path of a file with credentials. */
  readonly credentials?: string;
  /** How many NATS servers store each message. */
  readonly replicas?: number;
  /** Where they store it. */
  readonly storage?: "file" | "memory";
  /** The name of the network. */
  readonly network?: string;
  /** The path of a file with certificates of authorities to trust. */
  readonly tlsCa?: string;
}

/**
 * Checks the options.
 *
 * @returns `undefined` if NATS is not used.
 * @throws {UsageError} When one excludes or needs another, or is invalid.
 */
export function natsOf(values: NatsValues): NatsSettings | undefined {
  const { nats: servers, network, data, peer } = values;
  const { "nats-credentials": credentials, "nats-replicas": replicas } = values;
  const { "nats-storage": storage, "tls-ca": tlsCa } = values;
  if (servers.length === 0) {
    const without = Object.keys(natsOptions).find((name) =>
      name !== "nats" && values[name as keyof NatsValues] !== undefined
    );
    if (without !== undefined) throw new UsageError(`Option --${without} requires --nats URL`);
    return undefined;
  }
  if (data !== undefined) {
    throw new UsageError("Options --nats and --data exclude each other: NATS stores the messages");
  }
  if (peer.length > 0) {
    throw new UsageError("Options --nats and --peer exclude each other: NATS connects the servers");
  }
  if (replicas !== undefined && !REPLICAS.includes(replicas)) {
    throw new UsageError(`Option --nats-replicas: ${replicas} is not 1, 3 or 5`);
  }
  if (storage !== undefined && storage !== "file" && storage !== "memory") {
    throw new UsageError(`Option --nats-storage: ${storage} is neither "file" nor "memory"`);
  }
  for (const server of servers) {
    if (!/^(nats|tls):\/\/[^/\s@]+$/.test(server)) {
      throw new UsageError(
        `Option --nats: ${server} is no address of a NATS server; use nats://HOST:PORT or tls://HOST:PORT`,
      );
    }
  }
  return {
    servers,
    ...credentials !== undefined && { credentials },
    ...replicas !== undefined && { replicas },
    ...storage !== undefined && { storage },
    ...network !== undefined && { network },
    ...tlsCa !== undefined && { tlsCa },
  };
}

/** Connects to NATS. */
export async function connectToNats(
  settings: NatsSettings,
  logger: Logger | undefined,
): Promise<Engine> {
  const { NatsEngine } = await import("@netlab/nats");
  return await NatsEngine.connect({ ...settings, ...logger && { logger } });
}
