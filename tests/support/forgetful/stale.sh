#!/bin/sh
# Name the units that are active and have not loaded what is on the disk.
for mark in /run/active-*.service; do
    [ -e "$mark" ] || continue
    unit=${mark#/run/active-}
    [ "$(loaded "$unit")" = "$(cat "/run/loaded-$unit")" ] || echo "$unit"
done
