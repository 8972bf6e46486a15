// a machine without a network, seven years from now: for Node
const net = require("net");
const dns = require("dns");

const refuse = () => { throw new Error("there is no network"); };
net.Socket.prototype.connect = refuse;
dns.lookup = refuse;

const now = Date.now;
const sevenYears = 7 * 365 * 86400000;
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(now() + sevenYears); }
  static now() { return now() + sevenYears; }
};
