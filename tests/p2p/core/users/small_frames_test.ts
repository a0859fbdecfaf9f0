/**
 * No small frame of a stranger or a user costs more in a larger network. Steps are counted, not timed, as in
 * many_users_test.ts.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  DisconnectKind,
  ErrorCode,
  FrameType,
  Information,
  MAX_USERS_PER_PAGE,
  MessageKind,
  NetlabError,
  NIL_UUID,
  Registration,
  UserScope,
  writeAnnouncement,
  writeError,
  writeEventsRequest,
  writeInformationRequest,
  writeLegacyRegistration,
  writeMessage,
  writeReceiptQuery,
  writeReceipts,
  writeSessionRegistration,
  writeStatusRequest,
  writeUsersRequest,
} from "@netlab/protocol";
import type { FrameWriter } from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { connectTo, numberedName, type Party, steadyServers } from "./steady_network.ts";
import { stepsOf } from "./steps.ts";

const FEW = 10;
const MANY = 3_000;
/** What a frame may cost in all, with the events of the virtual network: steps. */
const MAX_STEPS = 200;
/** By how much the costs may differ, because of what was remembered before: steps. */
const MORE_STEPS = 20;

/** Two linked servers. At the first one are many users, many strangers and many stored messages. */
class Crowd {
  readonly network: VirtualNetwork;
  readonly first: VirtualNode;

  constructor(count: number) {
    const { network, nodes } = steadyServers();
    this.network = network;
    this.first = nodes[0];
    for (let i = 0; i < count; i++) {
      this.join(numberedName(i));
      this.open();
      // They wait for the name of a user who does not answer.
      this.register(this.open(), numberedName(0), true);
    }
    network.run(500);
  }

  /** Opens a connection. */
  open(): Party {
    const party = connectTo(this.first, this.network, "stranger:1");
    this.network.run(5);
    return party;
  }

  register({ connection }: Party, name: string, isLegacy = false) {
    if (isLegacy) writeLegacyRegistration(connection!.out, name);
    else {
      writeSessionRegistration(connection!.out, {
        name,
        session: this.network.uuid(),
        abilities: 2,
      });
    }
  }

  join(name: string): VirtualConnection {
    const party = this.open();
    this.register(party, name);
    this.network.run(5);
    return party.connection!;
  }

  /** The steps in the time in which a frame is handled, between two ticks. */
  costOf(out: FrameWriter, write: (out: FrameWriter) => void): number {
    this.network.run(375 - this.network.now % 250);
    return stepsOf(() => {
      write(out);
      this.network.run(50);
    });
  }
}

const FRAMES: Record<string, (out: FrameWriter, uuid: string) => void> = {
  "a request for servers": (out) => writeInformationRequest(out, Information.Servers),
  "a request for users": (out) => writeInformationRequest(out, Information.Users),
  "a request for capabilities": (out) => writeInformationRequest(out, Information.Capabilities),
  "a request for all servers": (out) => writeInformationRequest(out, Information.AllServers),
  "an unknown request": (out) => writeInformationRequest(out, 99),
  "an announcement": (out) => writeAnnouncement(out, 9),
  "an error": (out) => writeError(out, new NetlabError(ErrorCode.Malformed, "Cannot read it")),
  "an unknown frame": (out) => out.frame(200, 0),
  "an echo": (out) => out.frame(FrameType.Echo, 0),
  "a registration without a name": (out) => out.frame(FrameType.Registration, Registration.Session),
  "a taken name": (out, session) => writeSessionRegistration(out, { name: "User 00000", session }),
  "a name like a taken one": (out, session) =>
    writeSessionRegistration(out, { name: "User OOOOO", session }),
  "a message": (out, id) =>
    writeMessage(
      out,
      { id, sender: "Ann", recipient: "User 00001", text: "Hello" },
      MessageKind.Ephemeral,
    ),
  "a durable message": (out, id) =>
    writeMessage(
      out,
      { id, sender: "Ann", recipient: "User 00001", text: "Hello" },
      MessageKind.Durable,
    ),
  "a message to nobody": (out, id) =>
    writeMessage(
      out,
      { id, sender: "Ann", recipient: "Nobody", text: "Hi" },
      MessageKind.Ephemeral,
    ),
  "a receipt query": (out, id) => writeReceiptQuery(out, { to: NIL_UUID, user: "", ids: [id] }, 0),
  "an acknowledgement": (out) => writeReceipts(out, []),
  "a status request": (out) => writeStatusRequest(out, { number: 1, target: NIL_UUID }),
  "a status request for nobody": (out, target) => writeStatusRequest(out, { number: 1, target }),
  "an events request": (out) =>
    writeEventsRequest(out, { number: 1, target: NIL_UUID, since: 1, max: 5 }),
  "a users request for no page": (out) =>
    writeUsersRequest(out, { number: 1, target: NIL_UUID, scope: 1, after: "Nobody" }),
  "a sign-off": (out) => out.frame(FrameType.Disconnect, DisconnectKind.Leave),
};

function costs(count: number): Record<string, number> {
  const crowd = new Crowd(count);
  const stranger = crowd.open().connection!;
  const ann = crowd.join("Ann");
  const found: Record<string, number> = {};
  for (const [what, write] of Object.entries(FRAMES)) {
    for (const [who, { out }] of Object.entries({ stranger, ann })) {
      // The lists are made when somebody asks first.
      crowd.costOf(out, (out) => write(out, crowd.network.uuid()));
      found[`${what} of ${who}`] = crowd.costOf(out, (out) => write(out, crowd.network.uuid()));
    }
  }
  assert(!stranger.closed && !ann.closed);
  return found;
}

pureTest("a page of users costs no more steps among many users than among some", () => {
  const cost = (count: number, scope: number, after: string) => {
    const crowd = new Crowd(count);
    const { out } = crowd.open().connection!;
    const ask = (after: string) => (out: FrameWriter) =>
      writeUsersRequest(out, { number: 1, target: NIL_UUID, scope, after });
    // The second page can be asked for when there is a first one.
    if (after !== "") crowd.costOf(out, ask(""));
    return crowd.costOf(out, ask(after));
  };
  for (const scope of Object.values(UserScope)) {
    for (const after of ["", `User ${String(MAX_USERS_PER_PAGE - 1).padStart(5, "0")}`]) {
      const some = cost(2 * MAX_USERS_PER_PAGE + 10, scope, after);
      assert(some > MAX_USERS_PER_PAGE, `${some} steps for a page`);
      const many = cost(5 * MAX_USERS_PER_PAGE, scope, after);
      assert(many <= some + MORE_STEPS, `${many} steps among many users, ${some} among some`);
    }
  }
});

pureTest("a small frame costs no more steps in a large network than in a small one", () => {
  const few = costs(FEW);
  assert(Object.values(few).every((steps) => steps < MAX_STEPS), JSON.stringify(few));
  for (const [what, steps] of Object.entries(costs(MANY))) {
    assert(
      steps <= few[what]! + MORE_STEPS,
      `${what}: ${steps} steps, ${few[what]} in a small network`,
    );
  }
});
