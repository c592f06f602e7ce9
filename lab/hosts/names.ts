/** How everything of a lab on this machine is called; interface names have 15 characters at most. */
export function labNames(number: number) {
  return {
    bridge: `quorate-${number}`,
    /** Of the table of nftables, and of the control group. */
    table: `quorate-${number}`,
    group: `quorate-${number}`,
    machinePrefix: `q${number}-`,
    machine: (host: string) => `q${number}-${host}`,
    linkPrefix: `vb-q${number}-`,
    /** As systemd-nspawn calls the outer end of a host's link. */
    link: (host: string) => `vb-q${number}-${host}`,
    network: `10.87.${number}.0/24`,
    /** This machine's own address in it. */
    gateway: `10.87.${number}.1`,
    address: (last: number) => `10.87.${number}.${last}`,
  }
}
