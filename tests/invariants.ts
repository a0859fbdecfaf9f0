/**
 * Switches the program's assertions on. `deno task test` loads this module before each test module.
 *
 * @module
 */
import { enableInvariants } from "@netlab/protocol/codec";

enableInvariants();
