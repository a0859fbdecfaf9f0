export async function runRttClientProgram() {}
