/* language_content: small pieces of code without a name, as people paste them. None may get a wrong
 * language; which of them get none is written down, too. */
#include "model/language.h"

#include <criterion/criterion.h>

enum sure { SURE, UNSURE };

/* The last column is what it is; "-" where nobody could say, or where we have no name for it. */
static const struct {
	const char *code;
	enum sure sure;
	const char *name;
} pieces[] = {
	{ "#include <stdio.h>\n\nint main(void)\n{\n\tputs(\"hello\");\n\treturn 0;\n}\n", SURE,
	    "c" },
	{ "static size_t\nlength(const char *s)\n{\n\tsize_t n = 0;\n\n\twhile (s[n] != "
	  "'\\0')\n"
	  "\t\tn++;\n\treturn n;\n}\n",
	    UNSURE, "c" },
	{ "#include <stdlib.h>\n#define N 10\n\ntypedef struct node {\n\tstruct node *next;\n} "
	  "node;\n",
	    SURE, "c" },
	{ "#include <iostream>\n\nint main() {\n  std::cout << \"hello\" << std::endl;\n}\n",
	    SURE, "cpp" },
	{ "template <typename T>\nT max(T a, T b) {\n  return a > b ? a : b;\n}\n", SURE,
	    "cpp" },
	{ "#include \"shape.h\"\n\nclass Circle : public Shape {\npublic:\n  double area() "
	  "const "
	  "override { return r * r * 3.14; }\nprivate:\n  double r;\n};\n",
	    SURE, "cpp" },
	{ "std::vector<int> v = {3, 1, 2};\nfor (auto x : v)\n  total += x;\n", SURE, "cpp" },
	{ "using System;\n\nclass Program\n{\n    static void Main(string[] args)\n    {\n     "
	  "   "
	  "Console.WriteLine(\"hello\");\n    }\n}\n",
	    SURE, "csharp" },
	{ "public class Person\n{\n    public string Name { get; set; }\n}\n", SURE, "csharp" },
	{ "public class Hello {\n    public static void main(String[] args) {\n        "
	  "System.out.println(\"hello\");\n    }\n}\n",
	    SURE, "java" },
	{ "import java.util.List;\n\npublic interface Shape {\n    double area();\n}\n", SURE,
	    "java" },
	{ "public int add(int a, int b) {\n    return a + b;\n}\n", UNSURE, "java" },
	{ "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"hello\")\n}\n",
	    SURE, "go" },
	{ "f, err := os.Open(name)\nif err != nil {\n\treturn err\n}\ndefer f.Close()\n", SURE,
	    "go" },
	{ "type Point struct {\n\tX, Y int\n}\n", SURE, "go" },
	{ "fn main() {\n    let mut v = vec![3, 1, 2];\n    v.sort();\n    println!(\"{:?}\", "
	  "v);\n}\n",
	    SURE, "rust" },
	{ "use std::collections::HashMap;\n\npub struct Counter {\n    words: HashMap<String, "
	  "usize>,\n}\n",
	    SURE, "rust" },
	{ "impl fmt::Display for Point {\n    fn fmt(&self, f: &mut fmt::Formatter) -> "
	  "fmt::Result "
	  "{\n        write!(f, \"({}, {})\", self.x, self.y)\n    }\n}\n",
	    SURE, "rust" },
	{ "const fs = require('fs');\n\nfs.readFile('a.txt', 'utf8', (err, data) => {\n  if "
	  "(err) "
	  "throw err;\n  console.log(data);\n});\n",
	    SURE, "javascript" },
	{ "export default function Button({ label }) {\n  const [on, setOn] = "
	  "useState(false);\n  "
	  "return on === true ? label : null;\n}\n",
	    SURE, "javascript" },
	{ "document.querySelector('#go').addEventListener('click', function () {\n  "
	  "alert('hi');\n});\n",
	    SURE, "javascript" },
	{ "function add(a, b) {\n  return a + b;\n}\n", UNSURE, "javascript" },
	{ "const sum = (xs) => xs.reduce((a, b) => a + b, 0);\n", SURE, "javascript" },
	{ "export interface User {\n  id: number;\n  name: string;\n}\n", SURE, "typescript" },
	{ "async function load(url: string): Promise<string> {\n  const r = await "
	  "fetch(url);\n  "
	  "return r.text();\n}\n",
	    SURE, "typescript" },
	{ "interface Shape {\n  area(): number;\n}\n", SURE, "typescript" },
	{ "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nprint(fib(10))\n",
	    SURE, "python" },
	{ "import sys\n\nfor line in sys.stdin:\n    print(line.strip())\n", SURE, "python" },
	{ "class Stack:\n    def __init__(self):\n        self.items = []\n", SURE, "python" },
	{ "x = [i * i for i in range(10)]\nprint(x)\n", UNSURE, "python" },
	{ "from flask import Flask\n\napp = Flask(__name__)\n", SURE, "python" },
	{ "class Dog < Animal\n  def initialize(name)\n    @name = name\n  end\nend\n", SURE,
	    "ruby" },
	{ "[1, 2, 3].each do |n|\n  puts n * 2\nend\n", SURE, "ruby" },
	{ "def greet(name)\n  \"hello #{name}\"\nend\n", UNSURE, "ruby" },
	{ "use strict;\nuse warnings;\n\nmy %count;\n$count{$_}++ for <STDIN>;\n", SURE,
	    "perl" },
	{ "my $ua = LWP::UserAgent->new;\ndie \"Couldn't download the file :-(\\n\" if "
	  "($check==0);\n",
	    SURE, "perl" },
	{ "my @sorted = sort { $a <=> $b } @numbers;\nprint \"@sorted\\n\";\n", SURE, "perl" },
	{ "use v6;\n\nmy Int $n = 3;\nsay $n ** 2;\n", SURE, "raku" },
	{ "<?hh\n\nfunction add(int $a): int {\n  return $a;\n}\n", UNSURE, "-" },
	{ "type t = { name : string; mutable age : int; }\n\nlet rec f x = match x with\n  | 0 "
	  "-> "
	  "1\n  | n -> n * f (n - 1)\n",
	    SURE, "ocaml" },
	{ "PREFIX a: <http://example.org/>\nSELECT ?x WHERE { ?x a:b ?y }\n", UNSURE, "-" },
	{ "<?php\n\nfunction add($a, $b) {\n    return $a + $b;\n}\n\necho add(1, 2);\n", SURE,
	    "php" },
	{ "<!DOCTYPE html>\n<html>\n<body>\n<?php echo date('Y'); ?>\n</body>\n</html>\n", SURE,
	    "php" },
	{ "local function add(a, b)\n  return a + b\nend\n\nprint(add(1, 2))\n", SURE, "lua" },
	{ "for k, v in pairs(t) do\n  print(k, v)\nend\n", SURE, "lua" },
	{ "SELECT name, count(*)\nFROM users\nGROUP BY name\nORDER BY 2 DESC;\n", SURE, "sql" },
	{ "create table users (\n  id uuid primary key,\n  name text not null\n);\n", SURE,
	    "sql" },
	{ "select * from users where id = 1;\n", SURE, "sql" },
	{ "for f in *.txt; do\n  mv \"$f\" \"${f%.txt}.md\"\ndone\n", SURE, "shell" },
	{ "if [ -f config ]; then\n  echo found\nfi\n", SURE, "shell" },
	{ "sudo apt-get update\nsudo apt-get install -y git\n", SURE, "shell" },
	{ "find . -name '*.o' -delete\n", UNSURE, "shell" },
	{ "CC = gcc\nCFLAGS = -Wall\n\nall: main.o\n\t$(CC) -o main main.o\n\n.PHONY: all\n",
	    SURE, "makefile" },
	{ "cmake_minimum_required(VERSION 3.10)\nproject(hello)\nadd_executable(hello "
	  "main.c)\n",
	    SURE, "cmake" },
	{ "FROM debian:12\nRUN apt-get update\nCOPY . /app\nCMD [\"/app/run\"]\n", SURE,
	    "dockerfile" },
	{ "server {\n    listen 80;\n    location / {\n        proxy_pass http://app;\n    "
	  "}\n}\n",
	    SURE, "nginx" },
	{ "<!DOCTYPE html>\n<html>\n<head><title>x</title></head>\n</html>\n", SURE, "html" },
	{ "<ul>\n  <li>one</li>\n  <li>two</li>\n</ul>\n", SURE, "html" },
	{ "<?xml version=\"1.0\"?>\n<note><to>Ada</to></note>\n", SURE, "xml" },
	{ "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">\n  <circle "
	  "r=\"4\"/>\n</svg>\n",
	    SURE, "svg" },
	{ "<template>\n  <p>{{ name }}</p>\n</template>\n", SURE, "vue" },
	{ ".card {\n  display: flex;\n  padding: 4px;\n}\n", SURE, "css" },
	{ "$accent: #c00;\n\n.card {\n  &:hover { color: $accent; }\n}\n", SURE, "scss" },
	{ "{\n  \"name\": \"codegram\",\n  \"version\": \"1.0.0\"\n}\n", SURE, "json" },
	{ "[{\"id\": 1}, {\"id\": 2}]\n", SURE, "json" },
	{ "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n", SURE, "yaml" },
	{ "title: hello\nauthor: ada\n", UNSURE, "yaml" },
	{ "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n", SURE, "toml" },
	{ "[Unit]\nDescription=A service\n\n[Service]\nExecStart=/usr/bin/true\n", SURE,
	    "ini" },
	{ "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-def f(x):\n+def g(x):\n", SURE,
	    "diff" },
	{ "# Title\n\nSome text with [a link](https://example.org).\n\n```c\nint "
	  "main(void);\n```\n",
	    SURE, "markdown" },
	{ "\\documentclass{article}\n\\begin{document}\nHello\n\\end{document}\n", SURE,
	    "latex" },
	{ "main :: IO ()\nmain = putStrLn \"hello\"\n", SURE, "haskell" },
	{ "let () = Printf.printf \"hello\\n\"\n", SURE, "ocaml" },
	{ "defmodule Hello do\n  def greet(name), do: \"hello #{name}\"\nend\n", SURE,
	    "elixir" },
	{ "-module(hello).\n-export([greet/1]).\n\ngreet(Name) -> io:format(\"~s~n\", "
	  "[Name]).\n",
	    SURE, "erlang" },
	{ "(defn greet [name]\n  (println \"hello\" name))\n", SURE, "clojure" },
	{ "(defun square (x)\n  (* x x))\n", SURE, "lisp" },
	{ "fun main() {\n    val xs = listOf(1, 2)\n    println(xs)\n}\n", SURE, "kotlin" },
	{ "object Hello extends App {\n  println(\"hello\")\n}\n", SURE, "scala" },
	{ "import UIKit\n\nclass View: UIView {\n    override func draw(_ r: CGRect) {}\n}\n",
	    SURE, "swift" },
	{ "import 'package:flutter/material.dart';\n\nvoid main() => runApp(App());\n", SURE,
	    "dart" },
	{ "library(ggplot2)\nx <- c(1, 2, 3)\nplot(x)\n", SURE, "r" },
	{ "param($Name)\nWrite-Host \"hello $Name\"\n", SURE, "powershell" },
	{ "syntax = \"proto3\";\n\nmessage User {\n  string name = 1;\n}\n", SURE, "protobuf" },
	{ "type Query {\n  user(id: ID!): User\n}\n", SURE, "graphql" },
	{ "const std = @import(\"std\");\n\npub fn main() !void {}\n", SURE, "zig" },
	{ "set nocompatible\nsyntax on\nlet g:x = 1\n", SURE, "vim" },
	{ "proc greet {name} {\n    puts \"hello $name\"\n}\n", SURE, "tcl" },
	{ "program hello\n  implicit none\n  print *, 'hello'\nend program hello\n", SURE,
	    "fortran" },
	{ "program Hello;\nbegin\n  writeln('hello');\nend.\n", SURE, "pascal" },
	{ "section .text\nglobal _start\n_start:\n    mov eax, 1\n    int 0x80\n", SURE,
	    "assembly" },
	{ "#import <Foundation/Foundation.h>\n\n@implementation A\n@end\n", SURE,
	    "objective-c" },
	{ "BEGIN { FS = \":\" }\n{ print $1 }\nEND { print NR }\n", SURE, "awk" },

	/* None of ours, or nobody's. */
	{ "Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n", UNSURE, "-" },
	{ "Dear all,\n\nplease select one of the dates from the list below.\nThe function is "
	  "over "
	  "at 9.\n",
	    UNSURE, "-" },
	{ "Use the def keyword, or class, to import what you need: it is a const.\n", UNSURE,
	    "-" },
	{ "2025-01-01 12:00:00 ERROR select failed: const violated\n2025-01-01 12:00:01 INFO "
	  "fn "
	  "main() called\n",
	    UNSURE, "-" },
	{ "name,age\nada,36\ngrace,85\n", UNSURE, "-" },
	{ "x = 1\n", UNSURE, "-" },
	{ "a := 1\n", UNSURE, "-" },
	{ "print(\"hello\")\n", UNSURE, "-" },
	{ "foo(bar, baz);\n", UNSURE, "-" },
	{ "https://example.org/select?from=const\n", UNSURE, "-" },
	{ "module counter(input clk, output reg [3:0] q);\nalways @(posedge clk) q <= q + "
	  "1;\nendmodule\n",
	    UNSURE, "-" },
	{ "resource \"aws_instance\" \"web\" {\n  ami = \"abc\"\n}\n", UNSURE, "-" },
	{ "@echo off\nset PATH=%PATH%;C:\\bin\n", UNSURE, "-" },
	{ "pragma solidity ^0.8.0;\n\ncontract Token {\n    mapping(address => uint) public "
	  "balance;\n}\n",
	    UNSURE, "-" },
	{ "square = (x) -> x * x\nconsole.log square 3\n", UNSURE, "-" },
	{ "let rec fact n = if n < 2 then 1 else n * fact (n - 1)\nprintfn \"%d\" (fact 5)\n",
	    UNSURE, "-" },
	{ "#version 330 core\nuniform vec3 color;\nvoid main() {\n}\n", UNSURE, "-" },
	{ "$ git status\nOn branch main\n$ cd src\n", UNSURE, "-" },
	{ ">>> for x in [1, 2]:\n...     print(x)\n", UNSURE, "-" },
	{ "Title\n=====\n\n.. code-block:: python\n\n   import os\n", UNSURE, "-" },
	{ "pipeline {\n  agent any\n  stages {\n    stage('x') { steps { sh 'make' } }\n  "
	  "}\n}\n",
	    UNSURE, "-" },
	{ "IDENTIFICATION DIVISION.\nPROGRAM-ID. HELLO.\nPROCEDURE DIVISION.\n", UNSURE, "-" },
	{ "%token NUM\n%%\nexpr: NUM;\n%%\n#include <stdio.h>\nint main(void) { return 0; }\n",
	    UNSURE, "-" },
	{ "", UNSURE, "-" },
	{ "\n \n\t\n", UNSURE, "-" },
	{ "{", UNSURE, "-" },
	{ "{}", UNSURE, "-" },
	{ "[]", UNSURE, "-" },
	{ "{ a: 1, b: \"x\" }", UNSURE, "-" },
};

enum { PIECES = sizeof(pieces) / sizeof(*pieces) };

Test(language_content, none_is_wrong_and_each_sure_one_is_right)
{
	for (size_t i = 0; i < PIECES; i++) {
		const char *name = language_of_content(span_of(pieces[i].code));
		const char *wanted = pieces[i].sure == SURE ? pieces[i].name : "(none)";
		cr_expect_str_eq(name ? name : "(none)", wanted, "%s (%s):\n%s", name,
		    pieces[i].name, pieces[i].code);
	}
}

/* A piece of CR LF, behind blank lines, or indented is what it was. */
Test(language_content, layout_does_not_matter)
{
	static char other[4096];

	for (size_t i = 0; i < PIECES; i++) {
		const char *was = language_of_content(span_of(pieces[i].code)), *name;
		size_t len = 0;
		other[len++] = '\n';
		other[len++] = ' ';
		for (const char *c = pieces[i].code; *c != '\0'; c++) {
			if (*c == '\n')
				other[len++] = '\r';
			other[len++] = *c;
		}
		name = language_of_content((struct span){ other, len });
		cr_expect_str_eq(name ? name : "(none)", was ? was : "(none)", "row %zu", i);
	}
}

/* What is longer than the head is judged by it, as when the rest was not loaded. */
Test(language_content, long_json_by_its_beginning)
{
	static char text[8192];

	memset(text, ' ', sizeof(text));
	memcpy(text, "[ {\n\"id\": 1,", 13);
	text[sizeof(text) - 2] = '}';
	text[sizeof(text) - 1] = ']';
	cr_expect_str_eq(language_of_content((struct span){ text, sizeof(text) }), "json");
	cr_expect_str_eq(language_of_content((struct span){ text, 4096 }), "json");
	cr_expect_null(language_of_content((struct span){ text, 4095 }), "cut off");
}

/* Strangers' text costs no time: the head alone, and each line once for each sign. */
Test(language_content, hostile_code_ends_soon)
{
	static char text[256 * 1024];
	static const char *const runs[] = { "\n", "a\n", "*", "<", "::", "{\"", "[", "\\" };

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		size_t len = strlen(runs[i]);
		for (size_t at = 0; at + len <= sizeof(text); at += len)
			memcpy(text + at, runs[i], len);
		language_of_content((struct span){ text, sizeof(text) });
	}
}
