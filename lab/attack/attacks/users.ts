/**
 * Attacks of users: connections that have registered a name. On a network without keys, anyone can.
 *
 * @module
 */
import {
  DisconnectKind,
  FrameType,
  Information,
  MessageKind,
  ReceiptState,
  writeDisconnect,
  writeHeartbeat,
  writeInformationRequest,
  writeLegacyRegistration,
  writeMessage,
  writeReceiptQuery,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { randomUuid } from "../../random.ts";
import {
  type Attack,
  type AttackContext,
  bytesOf,
  connectUser,
  repeated,
  together,
} from "../attack.ts";
import { RawConnection } from "../raw_connection.ts";

/** Registers names for a moment, so that they are known and messages for them are stored. */
async function useNames(
  context: AttackContext,
  names: readonly string[],
  server = context.servers[0]!,
): Promise<void> {
  for (const name of names) {
    if (context.allowance.over.aborted) return;
    using user = await connectUser(context, name, server);
    await user.readFrameOf(FrameType.Registration, 2);
    await user.send(bytesOf((out) => writeDisconnect(out, name, DisconnectKind.Leave)));
  }
}

/** Durable messages of one size from one user to absent users, without end. */
async function store(
  context: AttackContext,
  sender: string,
  recipients: readonly string[],
  textBytes: number,
): Promise<void> {
  const text = "x".repeat(textBytes);
  const server = context.servers[0]!;
  using user = await connectUser(context, sender, server);
  void user.drain();
  const perWrite = Math.max(1, Math.floor(60_000 / (textBytes + 100)));
  for (let next = 0;;) {
    await user.send(bytesOf((out) => {
      for (let n = 0; n < perWrite; n++) {
        const recipient = recipients[next++ % recipients.length]!;
        const id = randomUuid(context.random);
        writeMessage(out, { id, sender, recipient, text }, MessageKind.Durable);
      }
    }));
  }
}

/** One user stores long messages for users who have left. */
export const stored: Attack = async (context) => {
  const recipients = Array.from({ length: 100 }, (_, n) => `absent-${n}`);
  await useNames(context, recipients);
  await together(context, 1, () => store(context, "mallory", recipients, 60_000));
};

/** Many users store long messages, so that the share of a single one does not stop them. */
export const storedByMany: Attack = async (context) => {
  const recipients = Array.from({ length: 100 }, (_, n) => `absent-${n}`);
  await useNames(context, recipients);
  await together(context, 20, (n) => store(context, `mallory-${n}`, recipients, 60_000));
};

/** A short message for each of very many names: some were used before, the others never. */
export const names: Attack = async (context) => {
  const count = context.full ? 1_000_000 : 20_000;
  const used = Array.from({ length: Math.min(count, 500) }, (_, n) => `used-${n}`);
  await useNames(context, used);
  const recipients = [...used, ...Array.from({ length: count }, (_, n) => `unused-${n}`)];
  await together(context, 10, (n) => {
    const share = recipients.filter((_, index) => index % 10 === n);
    return store(context, `mallory-${n}`, share, 10);
  });
};

/** Names that are registered and left again, as many as possible. */
export const churn: Attack = async (context) => {
  await together(context, 20, async (attacker) => {
    const server = context.servers[attacker % context.servers.length]!;
    const name = `churn-${attacker}-${Math.floor(1e9 * context.random())}`;
    await useNames(context, [name], server);
  });
};

/** Registrations of names that honest users hold: each time, the holder is asked for a sign of life. */
export const claims: Attack = async (context) => {
  const { servers, allowance, random } = context;
  await together(context, 20, async (attacker) => {
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    void connection.drain();
    for (;;) {
      await connection.send(bytesOf((out) => {
        for (let n = 0; n < 20; n++) {
          const registration = { session: randomUuid(random), name: `user-${1 + n % 10}` };
          writeSessionRegistration(out, registration);
        }
      }));
      await allowance.pause(5);
    }
  });
};

/** Messages to users who do not read: themselves, each other, in frames of many and of few bytes. */
export const silentReaders: Attack = async (context) => {
  const { servers, random } = context;
  const count = context.full ? 150 : 40;
  await together(context, count, async (attacker) => {
    const name = `silent-${attacker}`;
    using reader = await connectUser(context, name, servers[attacker % servers.length]);
    await reader.readFrameOf(FrameType.Registration, 2);
    // Registered as another user of this attack, who reads nothing either.
    using writer = await connectUser(context, `writer-${attacker}`, servers[0]);
    const text = "x".repeat(attacker % 2 === 0 ? 10 : 30_000);
    for (;;) {
      await writer.send(bytesOf((out) => {
        for (let n = 0; n < 20; n++) {
          const id = randomUuid(random);
          const kind = n % 2 === 0 ? MessageKind.Ephemeral : MessageKind.Durable;
          writeMessage(out, { id, sender: `writer-${attacker}`, recipient: name, text }, kind);
        }
      }));
    }
  });
};

/** Receipt queries and acknowledgements for messages that never existed, and requests in between. */
export const receipts: Attack = async (context) => {
  const { servers, random } = context;
  const ids = Array.from({ length: 200 }, () => randomUuid(random));
  await together(context, 10, async (attacker) => {
    const user = `asking-${attacker}`;
    using connection = await connectUser(context, user, servers[attacker % servers.length]);
    void connection.drain();
    const bytes = bytesOf((out) => {
      const to = randomUuid(random);
      writeReceiptQuery(out, { to, user, ids }, 0);
      writeReceipts(
        out,
        ids.map((id) => ({ id, state: ReceiptState.Delivered, code: 0, reason: "" })),
      );
      writeInformationRequest(out, Information.AllUsers);
      writeHeartbeat(out);
    });
    for (;;) await connection.send(bytes);
  });
};

/** Legacy users who never read, and their text, which is no frame for a server to skip. */
export const legacyUsers: Attack = async (context) => {
  const { servers, allowance, random } = context;
  await together(context, 20, async (attacker) => {
    using connection = await RawConnection.connect(servers[attacker % servers.length]!, allowance);
    const name = `legacy-${attacker}`;
    await connection.send(bytesOf((out) => writeLegacyRegistration(out, name)));
    const text = "x".repeat(1_000);
    const message = () => ({ id: randomUuid(random), sender: name, recipient: name, text });
    for (;;) {
      await connection.send(bytesOf((out) => {
        for (let n = 0; n < 20; n++) writeMessage(out, message(), MessageKind.Ephemeral);
      }));
    }
  });
};

/** Short ephemeral messages to nobody: each is answered with an error. */
export const refusals: Attack = async (context) => {
  const { servers, random } = context;
  await together(context, 10, async (attacker) => {
    const sender = `refused-${attacker}`;
    using connection = await connectUser(context, sender, servers[attacker % servers.length]);
    // Half of them do not read the errors.
    if (attacker % 2 === 0) void connection.drain();
    const message = { id: randomUuid(random), sender, recipient: "nobody", text: "x" };
    const bytes = repeated(
      bytesOf((out) => writeMessage(out, message, MessageKind.Ephemeral)),
      500,
    );
    for (;;) await connection.send(bytes);
  });
};
