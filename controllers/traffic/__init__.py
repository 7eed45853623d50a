"""The traffic controller: leads users away from a region that is dead, and back. One runs in each region.

Two vantage points. A controller takes a region out only if it cannot reach that region's entry from outside, and the
region does not say itself that it is well. It says so through the DNS zone: each controller keeps a note there (a TXT
record) with what it asks, what it answers, and whom it takes to be out. The zone is no third party: whoever cannot
reach it cannot switch anything either. So when the regions are cut apart while users reach both, each asks, the other
answers, and nothing is switched.

Split brain. Two regions that accuse each other (each could switch, neither could answer in time) see both notes; the
accusation of the one that stands first in the settings counts, and the accused's own is then ignored, in both. An
accusation counts only once it was read back from the zone, so the other has it too. Notes of a controller that died
count for `note_seconds` more. What is done is a function of the zone and the settings alone, and doing it twice is
doing it once: controllers need not take turns.

Never the last: a record is disabled only after another of the same line is enabled, in a region that this controller
reaches. A controller that reaches no region at all takes itself to be the one that is cut off, and accuses nobody.
"""
