/**
 * Attacks of servers: connections that have registered as another server of the network. On a network
 * without keys, anyone can.
 *
 * @module
 */
import {
  type UserKind,
  UserKind as Kind,
  writeHeartbeat,
  writeLinkState,
  writePresenceChanges,
  writePresenceNames,
  writePresenceSnapshot,
} from "@netlab/protocol";
import { randomUuid } from "../../random.ts";
import {
  type Attack,
  type AttackContext,
  bytesOf,
  connectPeer,
  inventedAddress,
  together,
} from "./attack.ts";
import type { RawConnection } from "./raw_connection.ts";

/** A user who does not exist. */
function inventedUser(context: AttackContext, name: string) {
  const kind: UserKind = Kind.Session;
  return { name, kind, session: randomUuid(context.random), since: Date.now() };
}

/** Keeps reading, and shows now and then that this server is alive. */
async function stay(context: AttackContext, connection: RawConnection): Promise<void> {
  void connection.drain();
  for (;;) {
    await connection.send(bytesOf(writeHeartbeat));
    await context.allowance.pause(200);
  }
}

/** Link states of servers that do not exist, with invented addresses and links. */
export const linkStates: Attack = async (context) => {
  const { random } = context;
  await together(context, 2, async (attacker) => {
    const { connection, id } = await connectPeer(context, inventedAddress(attacker));
    using _ = connection;
    void connection.drain();
    for (let version = 1;; version++) {
      const invented = Array.from({ length: 50 }, () => randomUuid(random));
      const back = [{ server: id, cost: 1 }];
      const links = [...invented, id].map((server) => ({ server, cost: 1 }));
      await connection.send(bytesOf((out) => {
        writeLinkState(out, { server: id, version, address: inventedAddress(attacker), links });
        for (const server of invented) {
          const address = inventedAddress(Math.floor(1e6 * random()));
          writeLinkState(out, { server, version: 1, address, links: back });
        }
      }));
      await context.allowance.pause(5);
    }
  });
};

/** Presence of very many users who do not exist, and names that users have had. */
export const presence: Attack = async (context) => {
  const users = context.full ? 1_000_000 : 100_000;
  await together(context, 2, async (attacker) => {
    const { connection, id } = await connectPeer(context, inventedAddress(attacker));
    using _ = connection;
    void connection.drain();
    const perFrame = 200;
    const parts = users / perFrame;
    for (let part = 0; part < parts; part++) {
      const name = (n: number) => `ghost-${attacker}-${part * perFrame + n}`;
      const some = Array.from({ length: perFrame }, (_, n) => inventedUser(context, name(n)));
      await connection.send(bytesOf((out) => {
        writePresenceSnapshot(out, { server: id, version: 1, part, parts, users: some });
        writePresenceNames(out, some.map(({ name }) => `${name}-gone`));
      }));
    }
    await stay(context, connection);
  });
};

/** Users of a server who come and go without end: every change is told to all servers. */
export const presenceChanges: Attack = async (context) => {
  await together(context, 2, async (attacker) => {
    const { connection, id } = await connectPeer(context, inventedAddress(attacker));
    using _ = connection;
    void connection.drain();
    const snapshot = { server: id, version: 1, part: 0, parts: 1, users: [] };
    await connection.send(bytesOf((out) => writePresenceSnapshot(out, snapshot)));
    for (let version = 1;; version += 100) {
      const changes = Array.from({ length: 100 }, (_, n) => {
        const user = inventedUser(context, `ghost-${attacker}-${n % 50}`);
        return n < 50 ? user : { ...user, kind: Kind.Gone };
      });
      await connection.send(
        bytesOf((out) => writePresenceChanges(out, { server: id, version, changes })),
      );
    }
  });
};

/** Servers that register, state where their users are, and leave again: links that come and go. */
export const flappingPeers: Attack = async (context) => {
  const { servers, allowance } = context;
  await together(context, 20, async (attacker) => {
    const server = servers[attacker % servers.length]!;
    const address = inventedAddress(Math.floor(1e6 * context.random()));
    const { connection } = await connectPeer(context, address, { server });
    using _ = connection;
    void connection.drain();
    await connection.send(bytesOf(writeHeartbeat));
    await allowance.pause(20);
  });
};

/** Servers that register and then never read what is sent to them. */
export const silentPeers: Attack = async (context) => {
  const { servers } = context;
  await together(context, context.full ? 200 : 30, async (attacker) => {
    const server = servers[attacker % servers.length]!;
    const { connection } = await connectPeer(context, inventedAddress(attacker), { server });
    using _ = connection;
    for (;;) {
      await connection.send(bytesOf(writeHeartbeat));
      await context.allowance.pause(500);
    }
  });
};
