/**
 * The program that creates certificates: options and output.
 *
 * @module
 */
import { print, runProgram } from "@netlab/terminal";
import type { createCertificate } from "../certificate.ts";

/** Creates one certificate, and ends the process. */
export async function runCertificateProgram(
  version: string,
  create: typeof createCertificate,
): Promise<never> {
  return await runProgram({
    name: "netlab certificate",
    summary:
      "Creates a certificate for a server, and a certificate authority that signs it unless the " +
      "folder has one. Use it for development, and for networks that one team operates. Run it again " +
      "to renew a certificate: a server that uses it needs no restart.",
    version,
    usage: "deno task certificate [HOST ...] [options]",
    options: {
      host: {
        kind: "host",
        repeat: true,
        positional: true,
        help:
          "A host name or an IP address at which the server is reached. You can leave out the name " +
          "of this option. Default: localhost, 127.0.0.1 and ::1.",
      },
      dir: {
        kind: "string",
        value: "DIR",
        default: "data/tls",
        help: "The folder for all files. The task permits folders below ./data.",
      },
      name: {
        kind: "string",
        value: "NAME",
        default: "server",
        help: "The name of the files: NAME.pem and NAME-key.pem.",
      },
      days: {
        kind: "integer",
        min: 1,
        max: 3_650,
        default: 365,
        help: "For how many days the certificate is valid.",
      },
    },
    examples: [
      {
        command: "deno task certificate",
        what: "Create a certificate for servers on this machine",
      },
      {
        command: "deno task certificate chat.example 192.0.2.7 --name chat",
        what: "Create one for a server that is reached at both",
      },
    ],
  }, async ({ host, dir, name, days }) => {
    const hosts = host.length > 0 ? host : ["localhost", "127.0.0.1", "::1"];
    const { ca, cert, key, isNewAuthority, validTo } = await create({ hosts, dir, name, days });
    if (isNewAuthority) {
      print(`${ca}  a new authority; give this file to everybody who connects (--tls-ca)`);
    }
    print(`${cert}  for ${hosts.join(", ")}, until ${validTo.toISOString().slice(0, 10)}`);
    print(`${key}  its private key`);
    print();
    print(`deno task p2p:server --tls-cert ${cert} --tls-key ${key} --tls-ca ${ca}`);
    print(`deno task p2p:client tls://${authority(hosts[0]!)}:5001 --tls-ca ${ca}`);
  });
}

function authority(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
