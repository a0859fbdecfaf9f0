/**
 * Attacks of users: connections that have registered a name. On a network without keys, anyone can.
 *
 * @module
 */
import {
  FrameType,
  Information,
  MessageKind,
  ReceiptState,
  Registration,
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
} from "./attack.ts";
import { RawConnection } from "./raw_connection.ts";

/** Registers names for a moment, so that they are known and messages for them are stored. */
async function useNames(
  context: AttackContext,
  names: readonly string[],
  server = context.servers[0]!,
): Promise<void> {
  await Promise.all(names.map(async (name) => {
    using user = await connectUser(context, name, server);
    await user.readFrameOf(FrameType.Registration, Registration.Session);
  }));
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
  const recipients = Array.from({ length: 20 }, (_, n) => `absent-${n}`);
  await useNames(context, recipients);
  await together(context, 1, () => store(context, "mallory", recipients, 60_000));
};

/** Many users store long messages, so that the share of a single one does not stop them. */
export const storedByMany: Attack = async (context) => {
  const recipients = Array.from({ length: 20 }, (_, n) => `absent-${n}`);
  await useNames(context, recipients);
  await together(context, 20, (n) => store(context, `mallory-${n}`, recipients, 60_000));
};

/** A short message for each of very many names: some of them were used before, the others never. */
export const names: Attack = async (context) => {
  const perAttacker = context.full ? 100_000 : 5_000;
  await together(context, 10, async (n) => {
    const recipients = Array.from({ length: perAttacker }, (_, index) => `name-${n}-${index}`);
    await useNames(context, recipients.slice(0, 50));
    await store(context, `mallory-${n}`, recipients, 10);
  });
};

/** Names that are registered and left again, as many as possible. They begin anew after a while. */
export const churn: Attack = async (context) => {
  const next = Array.from({ length: 20 }, () => 0);
  await together(context, 20, async (attacker) => {
    const server = context.servers[attacker % context.servers.length]!;
    const count = attacker % 2 === 0 ? 1 : 10;
    const first = next[attacker]! % 1_000;
    next[attacker]! += count;
    const names = Array.from({ length: count }, (_, n) => `churn-${attacker}-${first + n}`);
    await useNames(context, names, server);
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
    await reader.readFrameOf(FrameType.Registration, Registration.Session);
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
