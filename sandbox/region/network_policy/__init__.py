"""NetworkPolicy enforcement: packets that no policy allows are dropped in the network namespace of the pod's node.

`model` reads the API's objects, `compilation` turns them into rules as data, `rendering` turns those into the input of
`ipset restore` and `iptables-restore`: all pure. `watch` follows the API server, `enforcement` writes rules into nodes'
namespaces, `announcement` lets a starting pod wait for its rules, `controller` ties them together. `cni_plugin` is the
other end of `announcement`, in the pod network's chain of plugins.

Only the standard library is used: the process lives as long as its region and stays small.
"""
