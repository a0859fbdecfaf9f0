/**
 * Which frames a party may send on a network with keys, by the role in its token. Does not know what the frames
 * do.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  FrameType,
  Information,
  LinkStateKind,
  MessageKind,
  NetlabError,
  PresenceKind,
  ReceiptKind,
  refuseTls,
  Registration,
} from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import type { Role } from "../connection/grant.ts";
import { LIMITS } from "../limits.ts";

/**
 * Checks whether a party may send a frame.
 *
 * @param legacy Whether the server takes legacy programs, which have no tokens.
 * @throws {NetlabError} {@linkcode ErrorCode.TokenRequired}, which is fatal, when the party has sent no token,
 *   {@linkcode ErrorCode.TlsFailed}, which is fatal, when it uses TLS although this server does not,
 *   {@linkcode ErrorCode.NotPermitted} when the role in its token does not permit the frame.
 */
export function checkPermission(connection: Connection, frame: Frame, legacy: boolean): void {
  const { grant } = connection;
  if (grant !== undefined) {
    if (grant.role === "server" && isSigned(frame)) {
      throw signatureRequired(`Cannot take a frame of type ${frame.type}/${frame.subtype}`);
    }
    if (isPermitted(grant.role, frame)) return;
    throw new NetlabError(
      ErrorCode.NotPermitted,
      `Cannot take a frame of type ${frame.type}/${frame.subtype}: the token is for the role ` +
        `${grant.role}; get one for another role`,
    );
  }
  const isFree = connection.dialled === undefined ? isForEveryone(frame) : isAnswer(frame);
  if (isFree || (legacy && isLegacy(frame))) return;
  refuseTls(frame.type, frame.subtype);
  throw tokenRequired();
}

/** Returns the error of a party that has not sent a token. */
export function tokenRequired(): NetlabError {
  return new NetlabError(
    ErrorCode.TokenRequired,
    "Cannot go on without a token: this network has keys; get a token, and give it to a client " +
      "with --token-file or NETLAB_TOKEN, or to a server with --keys and --token-file",
    { fatal: true },
  );
}

/** Returns the fatal error of a server that does not sign what it says. `what` cannot be done. */
export function signatureRequired(what: string): NetlabError {
  return new NetlabError(
    ErrorCode.SignatureRequired,
    `${what}: on a network with keys, servers prove their key and sign what they say; update the ` +
      "other server",
    { fatal: true },
  );
}

/** What servers must sign on a network with keys. */
function isSigned({ type, subtype }: Frame): boolean {
  switch (type) {
    case FrameType.Receipt:
      return subtype === ReceiptKind.Relayed || subtype === ReceiptKind.ToServer;
    case FrameType.Presence:
      return subtype === PresenceKind.Snapshot || subtype === PresenceKind.Changes ||
        subtype === PresenceKind.Claim || subtype === PresenceKind.Held;
    default:
      return type === FrameType.LinkState && subtype === LinkStateKind.Links;
  }
}

function isPermitted(role: Role, { type, subtype }: Frame): boolean {
  switch (type) {
    case FrameType.InformationRequest:
    case FrameType.Echo:
    case FrameType.Status:
      return true;
    case FrameType.Registration:
      if (subtype === Registration.Token) return true;
      return role === (isOfServers(subtype) ? "server" : "user");
    default:
      return role !== "observer";
  }
}

/** Whether a registration is one of servers, by its subtype. */
function isOfServers(subtype: number): boolean {
  return subtype === Registration.Peer || subtype === Registration.ServerKey;
}

/** What a stranger may send: measuring comes before choosing a server. */
function isForEveryone({ type, subtype, start, end }: Frame): boolean {
  switch (type) {
    case FrameType.InformationRequest:
      return subtype === Information.Capabilities;
    case FrameType.Echo:
      return end - start <= LIMITS.strangerEchoBytes.default;
    default:
      // A legacy program gets a text that says why it cannot register.
      return type === FrameType.Registration &&
        (subtype === Registration.Token || subtype === Registration.LegacyUser);
  }
}

/** What a dialled party may send before its token was checked. */
function isAnswer({ type, subtype }: Frame): boolean {
  return (type === FrameType.InformationResponse && subtype === Information.Capabilities) ||
    (type === FrameType.InformationRequest && subtype === Information.Capabilities) ||
    (type === FrameType.Registration && subtype === Registration.Token) || type === FrameType.Error;
}

/** What the legacy programs send. */
function isLegacy({ type, subtype }: Frame): boolean {
  switch (type) {
    case FrameType.InformationRequest:
    case FrameType.InformationResponse:
      return subtype <= Information.Users;
    case FrameType.Registration:
      return subtype === Registration.LegacyUser;
    case FrameType.Message:
      return subtype === MessageKind.Ephemeral;
    default:
      return type === FrameType.Echo || type === FrameType.Disconnect;
  }
}
