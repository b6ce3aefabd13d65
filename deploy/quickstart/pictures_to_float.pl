#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Turns the sample's pictures into its model's input: uint8 pixels of shape
# [rows, height, width] in one .npy file become float32 pixel / 255 of shape
# [rows, 1, height, width] in another. In Perl, because every Debian has it
# and the quickstart installs nothing that octet itself does not need.
use strict;
use warnings;

die "usage: pictures_to_float.pl FROM.npy TO.npy\n" if @ARGV != 2;
my ($from, $to) = @ARGV;

open(my $in, '<:raw', $from) or die "$from: $!\n";
my $file = do { local $/; <$in> };
close($in);

# Ten bytes before the header's text: magic, version 1.0, length of the text.
die "$from: not a .npy file of version 1\n"
  if length($file) < 10 || substr($file, 0, 8) ne "\x93NUMPY\x01\x00";
my $length = unpack('v', substr($file, 8, 2));
my $header = substr($file, 10, $length);
my $pixels = substr($file, 10 + $length);
$header =~ /'descr': '\|u1', 'fortran_order': False, 'shape': \((\d+), (\d+), (\d+)\)/
  or die "$from: expected uint8 of shape (rows, height, width), got $header\n";
my ($rows, $height, $width) = ($1, $2, $3);
die "$from: expected $rows x $height x $width bytes, got "
  . length($pixels) . "\n"
  if length($pixels) != $rows * $height * $width;

my @real = map { pack('f<', $_ / 255) } 0 .. 255;
my $elements = join('', map { $real[$_] } unpack('C*', $pixels));
my $text = "{'descr': '<f4', 'fortran_order': False, "
  . "'shape': ($rows, 1, $height, $width), }";
# The elements begin at a multiple of 64 bytes, and the text ends its line.
$text .= ' ' x (63 - (10 + length($text)) % 64) . "\n";

open(my $out, '>:raw', "$to.part") or die "$to.part: $!\n";
print $out "\x93NUMPY\x01\x00", pack('v', length($text)), $text, $elements;
close($out) or die "$to.part: $!\n";
rename("$to.part", $to) or die "$to: $!\n";
