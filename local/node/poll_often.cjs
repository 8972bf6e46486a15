// The CDK command line asks CloudFormation every five seconds how far a stack is; the emulator takes less than one.
// Loaded with NODE_OPTIONS=--require, and only for the emulator.
const setTimeoutOfNode = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...rest) => setTimeoutOfNode(callback, ms === 5000 || ms === 2000 ? 200 : ms, ...rest);
