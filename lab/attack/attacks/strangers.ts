/**
 * Attacks of strangers: connections that never register.
 *
 * @module
 */
import {
  ErrorCode,
  FrameType,
  HEADER_BYTES,
  Information,
  MessageKind,
  NetlabError,
  writeAnnouncement,
  writeError,
  writeInformationRequest,
  writeMessage,
} from "@netlab/protocol";
import { randomUuid } from "../../random.ts";
import { type Attack, bytesOf, connectUser, repeated, together } from "./attack.ts";
import { RawConnection } from "./raw_connection.ts";

/** How many requests of six bytes are sent with one write. */
const BURST = 2_000;
/** How many users are registered so that lists of users are long. */
const USERS = 500;

/** Every kind of request that a stranger may send, the answers of which are read. */
export const requests: Attack = async (context) => {
  const kinds = Object.values(Information);
  await together(context, 20, async (attacker) => {
    const { servers, allowance } = context;
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    void connection.drain();
    const bytes = bytesOf((out) => {
      for (let n = 0; n < BURST; n++) writeInformationRequest(out, kinds[n % kinds.length]!);
    });
    for (;;) await connection.send(bytes);
  });
};

/** Requests for long lists, by connections that never read an answer. */
export const unread: Attack = async (context) => {
  const longName = (n: number) => `mallory-${n}-`.padEnd(60, "x");
  await together(context, USERS / 10, async (attacker) => {
    const users: RawConnection[] = [];
    try {
      for (let n = 0; n < 10; n++) {
        const user = await connectUser(context, longName(10 * attacker + n));
        users.push(user);
        void user.drain();
      }
      const [server] = context.servers;
      const connections = await Promise.all(
        [0, 1, 2].map(() => RawConnection.connect(server!, context.allowance)),
      );
      const request = bytesOf((out) => writeInformationRequest(out, Information.AllUsers));
      await Promise.all(connections.map(async (connection) => {
        using _ = connection;
        const burst = repeated(request, BURST);
        for (;;) await connection.send(burst);
      }));
    } finally {
      for (const user of users) user[Symbol.dispose]();
    }
  });
};

/** Announcements of legacy servers on every port of this machine. */
export const announcements: Attack = async (context) => {
  await together(context, 4, async (attacker) => {
    const { servers, allowance } = context;
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    void connection.drain();
    for (let port = 1_024 + attacker; port < 65_536; port += 400) {
      await connection.send(bytesOf((out) => {
        for (let n = 0; n < 400 && port + n < 65_536; n += 4) writeAnnouncement(out, port + n);
      }));
    }
    await allowance.pause(100);
  });
};

/** Frames that a server refuses or logs: errors, messages without registration, unknown types. */
export const logs: Attack = async (context) => {
  const long = "x".repeat(1_000);
  const frames = bytesOf((out) => {
    for (let n = 0; n < 100; n++) {
      writeError(out, new NetlabError(ErrorCode.Malformed, long, { fatal: false }));
      const id = randomUuid(context.random);
      writeMessage(out, { id, sender: "a", recipient: "b", text: "c" }, MessageKind.Durable);
      out.frame(200, n);
      out.frame(FrameType.Registration, n % 5);
    }
  });
  await together(context, 10, async (attacker) => {
    const { servers, allowance } = context;
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    void connection.drain();
    for (;;) await connection.send(frames);
  });
};

/** Connections that send nothing, or half a header, and stay open. */
export const halfOpen: Attack = async (context) => {
  const { servers, allowance, full } = context;
  const perAttacker = full ? 250 : 50;
  await together(context, 20, async (attacker) => {
    const connections: RawConnection[] = [];
    try {
      while (connections.length < perAttacker) {
        const connection = await RawConnection.connect(servers[0]!, allowance);
        connections.push(connection);
        if (attacker % 2 === 0) await connection.send(Uint8Array.of(FrameType.Message, 1, 255));
      }
      await Promise.race(connections.map((connection) => connection.drain()));
    } finally {
      for (const connection of connections) connection[Symbol.dispose]();
    }
  });
};

/** Long frames that arrive byte by byte and never end. */
export const slow: Attack = async (context) => {
  const { servers, allowance, full } = context;
  await together(context, full ? 2_000 : 400, async () => {
    using connection = await RawConnection.connect(servers[0]!, allowance);
    void connection.drain();
    await connection.send(Uint8Array.of(FrameType.Echo, 0, 255, 255, 0, 0));
    await connection.send(new Uint8Array(60_000));
    for (;;) {
      await connection.send(new Uint8Array(1));
      await allowance.pause(200);
    }
  });
};

/** Connections that are opened and closed, as many as possible. */
export const connects: Attack = async (context) => {
  const { servers, allowance } = context;
  await together(context, 50, async (attacker) => {
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    if (attacker % 2 === 0) {
      await connection.send(bytesOf((out) => writeInformationRequest(out, 2)));
      await connection.readFrame();
    }
  });
};

/** Echo requests of the longest size, half of which are never read. */
export const echoes: Attack = async (context) => {
  const { servers, allowance } = context;
  const echo = new Uint8Array(HEADER_BYTES + 65_535);
  echo.set([FrameType.Echo, 0, 255, 255]);
  const small = repeated(Uint8Array.of(FrameType.Echo, 0, 0, 0, 0, 0), BURST);
  await together(context, 40, async (attacker) => {
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    if (attacker % 2 === 0) void connection.drain();
    for (;;) await connection.send(attacker % 4 < 2 ? echo : small);
  });
};

/** Connections to a basic server that say nothing, a word byte by byte, or something endless. */
export const greetings: Attack = async (context) => {
  const { servers, allowance, random } = context;
  await together(context, 300, async (attacker) => {
    using connection = await RawConnection.connect(servers[0]!, allowance);
    if (attacker % 3 === 0) return await connection.drain();
    void connection.drain();
    if (attacker % 3 === 1) { for (;;) await connection.send(new Uint8Array(16_384).fill(104)); }
    for (const letter of "hell") {
      await connection.send(new TextEncoder().encode(letter));
      await allowance.pause(100 + 400 * random());
    }
    await allowance.pause(2_000);
  });
};
