-- What rules hid that are on trial or have fallen back leads its list: a hide that waits is found by its decision, and no decision is read for it.
CREATE INDEX unseen_decision ON unseen (decision) WHERE list = 'hidden';
