#!/bin/sh
# Any program will do that reads CSV and writes CSV.
exec sed 's/^Adelie,/ADELIE,/'
