/**
 * The end of a run, when nothing fails any more: what must work then, to the last message. It looks for damage that
 * stays, such as a stale route or a name that two sessions have.
 *
 * @module
 */
import { FrameType } from "@netlab/protocol";
import { checkHistory, type HistoryEvent } from "../checker/checker.ts";
import { pick, type Random, seeded } from "../random.ts";
import type { Plan } from "./plan.ts";
import { SessionClient } from "./world/session_client.ts";
import type { VirtualDisk } from "./world/virtual_disk.ts";
import type { VirtualNetwork } from "./world/virtual_network.ts";
import type { VirtualNode } from "./world/virtual_node.ts";

/** How long nothing changes before and after the last messages: milliseconds. Posts are guaranteed then. */
const CALM_MS = 6_000;
/** How long after the last messages none may travel any more: milliseconds. */
const QUIET_MS = 6_000;
/** How long users move while others write to them: milliseconds. */
const CHASE_MS = 500;
/** How long a server is separated from the others, and how long they may take to agree on a name: milliseconds. */
const APART_MS = 3_000;
const EVICTION_MS = 20_000;
/** How long a server may take to leave gracefully: milliseconds, as in `P2pServer.drain`. */
export const DRAIN_MS = 9_000;

/** A run, as far as its end needs it. Servers and users are given by number. */
export interface Stage {
  /** The plan of the run. */
  readonly plan: Plan;
  /** The network. */
  readonly network: VirtualNetwork;
  /** The servers, and their disks in the same order. */
  readonly nodes: readonly VirtualNode[];
  readonly disks: readonly VirtualDisk[];
  /** The users. */
  readonly users: readonly SessionClient[];
  /** What has happened. It grows. */
  readonly history: readonly HistoryEvent[];
  /** Lets a user send a durable message. */
  send(from: number, to: number): void;
  /** Lets a user post ephemeral messages. */
  post(from: number, to: number, count: number): void;
  /** Lets a server leave gracefully, and start again later. */
  drain(server: number, forMs: number): void;
  /** Lets all servers link again that can. */
  joinAll(): void;
  /** Notes that something is wrong. */
  fault(what: string): void;
}

/** The end of one run. */
export class Finale {
  readonly #stage: Stage;
  readonly #random: Random;

  /** Prepares the end of a run. */
  constructor(stage: Stage) {
    this.#stage = stage;
    this.#random = seeded(stage.plan.seed, 4);
  }

  /** Lets users write, move and write again, until all is silent. */
  sayLastWords(): void {
    this.#writeToAnother();
    this.#chase();
    this.#writeToAnother();
    this.#expectSilence();
  }

  /** Tries one of the things that a network must bear: impostors, or a server that leaves. */
  tryOne(): void {
    if (this.#stage.plan.impostors) this.#tryImpostors();
    else this.#leaveInPeace();
  }

  /** Lets every user write to another while nothing changes. All of that must arrive. */
  #writeToAnother(): void {
    const stage = this.#stage;
    const { network, history, users } = stage;
    network.run(CALM_MS);
    const before = history.length;
    for (const from of users.keys()) {
      const to = Math.floor(this.#random() * users.length);
      stage.send(from, to);
      stage.post(from, to, 3);
    }
    network.run(CALM_MS);
    const { lost, unknown, refused, posts, exitCode } = checkHistory(history.slice(before));
    const failed = lost.length + unknown.length + refused + posts.posted - posts.seen;
    if (exitCode !== 0 || failed > 0) this.#stage.fault(`${failed} of the last messages failed`);
  }

  /** Lets users move while others write to them. */
  #chase(): void {
    const stage = this.#stage;
    const { network, nodes, users } = stage;
    const random = this.#random;
    for (const [index, user] of users.entries()) {
      if (random() < 0.5) continue;
      const server = pick(random, nodes);
      network.after(random() * CHASE_MS, () => user.moveTo(server));
      const from = Math.floor(random() * users.length);
      for (let i = 0; i < 10; i++) {
        network.after(random() * CHASE_MS, () => stage.send(from, index));
      }
    }
    network.run(CHASE_MS);
  }

  /** Waits while everything is delivered, so that no message may travel or arrive. */
  #expectSilence(): void {
    const { network, history } = this.#stage;
    const { length: before } = history;
    let isSilent = true;
    network.watch(({ frame }) => {
      if (frame.type === FrameType.Message) isSilent = false;
      return false;
    });
    network.run(QUIET_MS);
    if (!isSilent) this.#stage.fault("messages travel although all were delivered");
    if (history.slice(before).some(({ kind }) => kind === "seen")) {
      this.#stage.fault("a message came late");
    }
  }

  /** Lets a server leave that stores messages for a user who is away. It must hand them off. */
  #leaveInPeace(): void {
    const stage = this.#stage;
    const { network, nodes, users, disks } = stage;
    const random = this.#random;
    const from = Math.floor(random() * users.length);
    const to = Math.floor(random() * users.length);
    const server = nodes.findIndex(({ address }) => address === users[from]!.attached?.peer.party);
    if (from === to || server < 0) return;
    users[to]!.leave();
    network.run(1_000);
    for (let i = 0; i < 5; i++) stage.send(from, to);
    network.run(1_000);
    stage.drain(server, 0);
    network.run(DRAIN_MS - 1);
    if (disks[server]!.size > 0) stage.fault("a server left and kept messages");
    network.run(1_000);
    users[to]!.comeBack();
  }

  /** Lets others ask for the name of a user, who must keep it. */
  #tryImpostors(): void {
    const stage = this.#stage;
    const { network, nodes, users } = stage;
    const random = this.#random;
    const user = pick(random, users);
    const { attached, name } = user;
    const others = nodes.filter(({ address }) => address !== attached?.peer.party);
    this.#expectRefusal(name, pick(random, nodes));
    // While a server is alone, it does not know that the name is taken.
    const apart = pick(random, others);
    for (const { address } of nodes) {
      if (address !== apart.address) network.separate(address, apart.address);
    }
    network.run(APART_MS);
    const impostor = this.#impostor(name).moveTo(apart);
    network.run(APART_MS);
    stage.joinAll();
    const deadline = network.now + EVICTION_MS;
    while (network.now < deadline && impostor.attached) network.run(1_000);
    if (impostor.attached) stage.fault(`two sessions are ${name}`);
    if (user.attached !== attached) stage.fault(`${name} lost the name to a newer session`);
    impostor.crash();
  }

  #expectRefusal(name: string, node: VirtualNode): void {
    const impostor = this.#impostor(name).moveTo(node);
    impostor.onAttached = () => this.#stage.fault(`another session became ${name}`);
    this.#stage.network.run(APART_MS);
    impostor.crash();
  }

  /** Returns another session with the name of a user. It acknowledges nothing. */
  #impostor(name: string): SessionClient {
    const impostor = new SessionClient(this.#stage.network, name);
    impostor.taking = false;
    return impostor;
  }
}
