/**
 * Creates the parts of a client and connects them: roaming finds and keeps a server, the outbox and the publish
 * queue send, the inbox receives. Owns the default options. Must not know when a client starts or closes.
 *
 * @module
 */
import {
  checkNetworkName,
  checkUserName,
  DEFAULT_HOST,
  DEFAULT_PORTS,
  formatAddress,
  type NetlabError,
  normalizeName,
  parseAddress,
} from "@netlab/protocol/codec";
import { MessageIds } from "../core/dedup/sequence_ids.ts";
import { ClientSession } from "../core/session/client_session.ts";
import { Inbox } from "../core/session/inbox.ts";
import { PublishQueue } from "../core/session/publish_queue.ts";
import { Dialler } from "./connection/dialler.ts";
import { HomeNetwork } from "./home_network.ts";
import type { P2pClientOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { OwnToken } from "./own_token.ts";
import { Roaming } from "./roaming/roaming.ts";

/** How long taken messages wait for more before they are acknowledged: milliseconds. */
const ACKNOWLEDGE_MS = 2;

/** The parts of one client. */
export interface ClientParts {
  /** The user's name, in Unicode NFC. */
  readonly name: string;
  /** What survives the change of servers. */
  readonly session: ClientSession;
  /** Sends durable messages. */
  readonly outbox: Outbox;
  /** Sends ephemeral messages. */
  readonly publishQueue: PublishQueue;
  /** Receives messages. */
  readonly inbox: Inbox;
  /** The network of the user, and which servers belong to it. */
  readonly network: HomeNetwork;
  /** The user's token, or none. */
  readonly token: OwnToken;
  /** Opens the connections. */
  readonly dialler: Dialler;
  /** Finds and keeps a server. */
  readonly roaming: Roaming;
}

/**
 * Creates the parts of a client, which is not connected yet.
 *
 * @param failed Called when the client cannot go on.
 * @throws {NetlabError} When the name cannot be used.
 * @throws {TypeError} When an address is not `host:port`, or when the network's name is invalid.
 */
export function createParts(
  options: P2pClientOptions,
  failed: (reason: NetlabError) => void,
): ClientParts {
  const {
    servers = DEFAULT_PORTS.map((port) => `${DEFAULT_HOST}:${port}`),
    sendTimeoutMs = 30_000,
    rank,
  } = options;
  const addresses = servers.map((server) => formatAddress(parseAddress(server)));
  const name = checkUserName(normalizeName(options.name));
  if (options.network !== undefined) checkNetworkName(options.network);
  const newIds = () => new MessageIds((bytes) => crypto.getRandomValues(bytes));
  const publishQueue = new PublishQueue(name, newIds(), (run) => void setImmediate(run));
  const session: ClientSession = new ClientSession(
    (incoming) => inbox.receive(incoming),
    publishQueue,
    performance.now(),
  );
  const outbox = new Outbox(name, newIds(), session, sendTimeoutMs);
  const inbox = new Inbox(session, {
    pauseReading: (isPaused) => roaming.pauseReading(isPaused),
    soon(run) {
      const timer = setTimeout(run, ACKNOWLEDGE_MS);
      return () => clearTimeout(timer);
    },
    atTurnEnd: (run) => void setImmediate(run),
  });
  const network = new HomeNetwork(options.network, addresses, options.onOtherNetwork);
  const token = new OwnToken(options.token, options.insecureToken);
  const dialler = new Dialler(options.dial, options.tlsCa);
  const who = { name, servers: addresses, rank, network, token, dialler };
  const roaming: Roaming = new Roaming(who, session, {
    status: (status) => options.onStatus?.(status),
    failed,
  });
  if (options.secret !== undefined) {
    // Loads what a browser does not have.
    const { secret } = options;
    roaming.secret = import("./name_secret.ts").then(({ NameSecret }) =>
      NameSecret.of(name, secret)
    );
  }
  return { name, session, outbox, publishQueue, inbox, network, token, dialler, roaming };
}
