/**
 * Bugs that are planted in the code of servers and clients, to find out whether the simulator notices them. Each is
 * a change of the source of one module, so that the code itself has no switches. `bug_worker.ts` applies it.
 *
 * @module
 */

/** A bug. */
export interface Bug {
  /** A short name, unique. */
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly what: string;
  /** The module, from the root of the workspace. */
  readonly file: string;
  /** A piece of its source that occurs once, and what takes its place. */
  readonly change: readonly [from: string, to: string];
  /** More such changes of the same module. */
  readonly more?: readonly (readonly [from: string, to: string])[];
}

/**
 * Plants a bug in the source of its module.
 *
 * @throws {Error} When the code that it changes does not occur once.
 */
export function plant({ name, file, change, more = [] }: Bug, source: string): string {
  for (const [from, to] of [change, ...more]) {
    const count = source.split(from).length - 1;
    if (count !== 1) {
      throw new Error(`Cannot plant "${name}": its code occurs ${count} times in ${file}`);
    }
    source = source.replace(from, () => to);
  }
  return source;
}

/** The bugs by folder. */
export const bugs: readonly Bug[] = [
  // Mailbox: what is stored.
  {
    name: "receipt before the store",
    what: "The sender gets its receipt when the message arrives, before it is stored.",
    file: "p2p/core/durable/outbound.ts",
    change: [
      "    const entry = mailbox.add(user.name, fields, this.#context.now, isTransient);\n",
      "    const entry = mailbox.add(user.name, fields, this.#context.now, isTransient);\n    receipts.toSender(entry, ReceiptState.Accepted);\n",
    ],
  },
  {
    name: "restart forgets spilled messages",
    what: "After a restart, a server has only the first message of its store.",
    file: "p2p/core/mailbox/mailbox.ts",
    change: [
      "      this.usage.add(this.usage.of(sender), size);\n    }\n",
      "      this.usage.add(this.usage.of(sender), size);\n      break;\n    }\n",
    ],
  },
  {
    name: "delivered messages stay on the disk",
    what: "A delivered message is not removed from the store, and comes back after a restart.",
    file: "p2p/core/mailbox/mailbox.ts",
    change: [
      "    if (entry.safe && this.durable && !entry.transient)",
      "    if (entry.safe && !this.durable && !entry.transient)",
    ],
  },
  {
    name: "acknowledgement removes the neighbour",
    what: "An acknowledgement removes the message that follows in the queue.",
    file: "p2p/core/mailbox/mailbox.ts",
    change: [
      "  delivered(entry: MailboxEntry): void {\n    this.remove(entry);",
      "  delivered(entry: MailboxEntry): void {\n    this.remove(entry.next ?? entry);",
    ],
  },
  {
    name: "new messages overtake spilled ones",
    what: "A new message goes into the queue in memory although older ones are only on the disk.",
    file: "p2p/core/mailbox/mailbox.ts",
    change: [
      "      if (queue.spilled === 0) queue.append(entry);",
      "      if (true) queue.append(entry);",
    ],
  },
  {
    name: "messages expire in seconds",
    what: "The age limit is computed in the wrong unit, so messages expire after ten seconds.",
    file: "p2p/core/server_limits.ts",
    change: ["const DAY_MS = 24 * 3_600_000;", "const DAY_MS = 24 * 60;"],
  },
  {
    name: "messages read back are not found again",
    what: "A message that is read back from the disk is not in the index, so nothing settles it.",
    file: "p2p/core/mailbox/mailbox.ts",
    change: [
      "        queue.append(entry);\n        this.messages.add(entry, end - fields.id);",
      "        queue.append(entry);",
    ],
  },
  // Durable messages: sent, acknowledged, handed off.
  {
    name: "messages are sent again never",
    what: "The timer for unanswered messages never fires.",
    file: "p2p/core/durable/outbound_sender.ts",
    change: [
      "      if (this.#dueAt(queue, oldest) <= now) {",
      "      if (this.#dueAt(queue, oldest) < 0) {",
    ],
  },
  {
    name: "messages do not wait for the one before",
    what: "A message does not say which one must be delivered before it.",
    file: "p2p/core/durable/outbound_sender.ts",
    change: ["      const previous = queue.lastSentId;", "      const previous = NIL_UUID;"],
  },
  {
    name: "queue waits for a message after itself",
    what: "A queue that is sent again still names the message that was sent last before.",
    file: "p2p/core/mailbox/recipient_queue.ts",
    change: [
      "    this.inFlightBytes = 0;\n    this.#lastSent = undefined;",
      "    this.inFlightBytes = 0;",
    ],
  },
  {
    name: "delivered is reported when written",
    what: "The recipient's server reports delivery before the client has acknowledged the message.",
    file: "p2p/core/durable/inbound.ts",
    change: [
      '        case "sent":\n          report(sent(id));',
      '        case "written":\n          localDelivery.markDelivered(id);\n          return report(delivered(id));\n' +
      '        case "sent":\n          report(sent(id));',
    ],
  },
  {
    name: "a refusal ends a message",
    what: "A message that the recipient's server refuses for now is dropped.",
    file: "p2p/core/durable/outbound.ts",
    change: [
      "    if (entry.sentTo === from) this.#sender.sendLater(entry.queue);",
      "    if (entry.sentTo === from) mailbox.remove(entry);",
    ],
  },
  {
    name: "receipts stop at the first server",
    what: "A receipt for a server that is not a neighbour is not forwarded.",
    file: "p2p/core/durable/outbound.ts",
    change: [
      "    if (to !== this.#context.id) return void this.#parts.mesh.forward(to, frame, connection);",
      "    if (to !== this.#context.id) return;",
    ],
  },
  {
    name: "receipt queries stay unanswered",
    what: "A sender who asks what became of a message gets no answer.",
    file: "p2p/core/durable/receipt_queries.ts",
    change: ["      if (outcome) receipts.toUser(user, outcome);", ""],
  },
  {
    name: "handoff confirms before it stores",
    what: "A server confirms a message that is handed off to it and does not store it.",
    file: "p2p/core/durable/handoff.ts",
    change: [
      "    mailbox.add(sender, fields, this.#context.now);",
      "    receipts.toServer(origin, accepted(id));\n    void sender;",
    ],
  },
  {
    name: "handoff keeps the messages",
    what: "A leaving server keeps a message although its successor has stored it.",
    file: "p2p/core/durable/outbound.ts",
    change: [
      "      this.#deferred.remove(entry);\n      mailbox.remove(entry);\n      return handoff.accepted(entry.queue);",
      "      this.#deferred.remove(entry);\n      return handoff.accepted(entry.queue);",
    ],
  },
  // Duplicates.
  {
    name: "client forgets what it has seen when it moves",
    what: "A client begins a new list of seen messages on every new connection.",
    file: "p2p/core/session/client_session.ts",
    change: ["  readonly #seen = new ReceivedIds();", "  #seen = new ReceivedIds();"],
    more: [[
      "    this.#connections.add(connection);\n    this.#sendQueue.attach",
      "    this.#seen = new ReceivedIds();\n    this.#connections.add(connection);\n    this.#sendQueue.attach",
    ]],
  },
  {
    name: "client shows duplicates",
    what: "A client does not find the id of a message that it has seen.",
    file: "p2p/core/dedup/received_ids.ts",
    change: ["    if (this.#others.has(id)) return false;\n", ""],
  },
  {
    name: "window skips a number",
    what: "The window of seen numbers moves one too far after a batch.",
    file: "p2p/core/dedup/stream_window.ts",
    change: [
      "    this.#floor += count;\n    return true;",
      "    this.#floor += count + 1;\n    return true;",
    ],
  },
  {
    name: "seen before it is delivered",
    what: "A server remembers a message as delivered before its client acknowledges it.",
    file: "p2p/core/routing/local_delivery.ts",
    change: [
      "    write(user, message);\n    return durable",
      "    if (durable) this.markDelivered(durable.id);\n    write(user, message);\n    return durable",
    ],
  },
  // Mesh: links, routes, users of other servers.
  {
    name: "lost tombstone",
    what: "Other servers do not forget a user who has left.",
    file: "p2p/core/mesh/directory.ts",
    change: [
      "      users.delete(user.name);\n      this.located.remove(user.name, server);",
      "      users.delete(user.name);",
    ],
  },
  {
    name: "snapshot removes nobody",
    what: "A snapshot adds the users in it and does not remove the others.",
    file: "p2p/core/mesh/directory.ts",
    change: [
      "if (!after.has(name)) this.located.remove(name, server);",
      "if (!after.has(name)) continue;",
    ],
  },
  {
    name: "link state version compared the wrong way",
    what: "A newer announcement of links is taken for an older one.",
    file: "p2p/core/mesh/topology/topology.ts",
    change: ["known.state.version >= state.version", "known.state.version < state.version"],
  },
  {
    name: "stale route in the fast path",
    what: "The fast path goes on with its next hops after routes have changed.",
    file: "p2p/core/assembly/core_parts.ts",
    change: [
      "        changes.routes = true;\n        routes.clear();",
      "        changes.routes = true;",
    ],
  },
  {
    name: "fast path looks for users where they were",
    what: "The fast path does not learn that a user has moved.",
    file: "p2p/core/assembly/core_parts.ts",
    change: ["    routes.delete(new TextEncoder().encode(name));", ""],
  },
  {
    name: "lost links stay lost",
    what: "A server does not dial a server again whose link has ended.",
    file: "p2p/core/mesh/addresses/discovery.ts",
    change: [
      '      if (known.server === server && known.state === "linked") this.#wait(known);',
      '      if (known.server === server && known.state !== "linked") this.#wait(known);',
    ],
  },
  {
    name: "ends keep different links",
    what: "When two servers dial each other, each end keeps another of the two links.",
    file: "p2p/core/mesh/link_setup.ts",
    change: [
      "(dialled !== undefined) === iDial ? other : peer",
      "dialled !== undefined ? other : peer",
    ],
  },
  {
    name: "link state stays with one neighbour",
    what: "A server passes on no announcements of links.",
    file: "p2p/core/mesh/topology/link_states.ts",
    change: [
      "      if (other === peer || (repeats",
      "      if (other !== peer || (repeats",
    ],
  },
  // Users.
  {
    name: "ghost of a user",
    what: "A server does not tell the others that a user has left.",
    file: "p2p/core/users/registry.ts",
    change: [
      "    if (change) this.#mesh.publish(change);\n    this.#onChange(name);",
      "    this.#onChange(name);",
    ],
  },
  {
    name: "a name is taken twice",
    what: "A server asks nobody whether a name is taken on another server.",
    file: "p2p/core/users/registry.ts",
    change: [
      "    if (holder) return this.#claim(",
      "    if (holder?.server === this.#context.id) return this.#claim(",
    ],
  },
  {
    name: "a conflict of names lets both stay",
    what: "When two servers that have a user with the same name find each other, both users stay.",
    file: "p2p/core/users/conflicts.ts",
    change: [
      "      const isYounger = isJoining || !keepsName(here, other, byKey);",
      "      const isYounger = false;",
    ],
  },
  {
    name: "the newer session keeps the name",
    what:
      "When two servers that have a user with the same name find each other, the newer user stays.",
    file: "p2p/core/mesh/locations/same_name.ts",
    change: ["return ms < 0;", "return ms > 0;"],
  },
  // Client sessions.
  {
    name: "a retry has a new id",
    what: "A client that sends a message again gives it another id.",
    file: "p2p/core/session/sending/send_queue.ts",
    change: [
      "      else this.#unsent.add(unsettled);\n    }\n    this.pump();",
      "      else {\n        this.#byId.delete(unsettled);\n        unsettled.id3 ^= 1;\n" +
      "        this.#byId.add(unsettled);\n        this.#unsent.add(unsettled);\n      }\n    }\n    this.pump();",
    ],
  },
  {
    name: "duplicates are not acknowledged",
    what: "A client does not acknowledge a message that it gets again.",
    file: "p2p/core/session/client_session.ts",
    change: [
      "    } else if (isDurable && !this.#untaken.find(id, 0)) {",
      "    } else if (false) {",
    ],
  },
  {
    name: "unaccepted messages are not sent again",
    what: "A client does not send messages again whose receipt it did not get.",
    file: "p2p/core/session/sending/send_queue.ts",
    change: [
      "      else this.#unsent.add(unsettled);\n    }\n    this.pump();",
      "    }\n    this.pump();",
    ],
  },
];
