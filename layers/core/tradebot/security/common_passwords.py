"""The commonest passwords of eight characters and more, as leaked lists rank them. Compared without case."""

from __future__ import annotations

_LISTED = """
00000000 000000000 0000000000 01234567 012345678 0123456789 0987654321 10203040 1029384756 11111111 111111111
1111111111 11112222 11223344 1122334455 112233445566 12121212 12131415 123123123 1231231234 1234512345 12341234
123456123456 12345678 123456781 123456789 1234567890 12345678900 123456789000 12345678910 123456789a 123456789q
12345678a 123456abc 12345abcde 1234abcd 1234qwer 123654789 123698745 123abc123 123qweasd 123qweasdzxc 12qwaszx
13131313 13579246810 135792468 147258369 147852369 159357159 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz1qaz 1qaz2wsx
1qaz2wsx3edc 1qazxsw2 20202020 22222222 23456789 24682468 33333333 44444444 55555555 66666666 69696969 741852963
77777777 78945612 789456123 7894561230 87654321 88888888 963852741 987654321 9876543210 98765432 99999999 999999999
a1234567 a12345678 a123456789 a1b2c3d4 a1b2c3d4e5 aa123456 aa12345678 aaaaaaaa aaaaaaaaaa abc12345 abc123456
abc123abc abcd1234 abcd12345 abcdefgh abcdefghi abcdefghij access14 admin123 admin1234 admin12345 administrator
alejandra alexander alexandra america1 american angel123 angelica anthony1 arsenal1 asd123456 asdasdasd asdf1234
asdfasdf asdfghjk asdfghjkl asdfghjkl1 ashley12 babygirl babygirl1 bailey12 barcelona baseball baseball1 basketball
batman123 beautiful benfica1 binance1 binance123 bitcoin1 bitcoin123 blink182 bluebird brandon1 brooklyn butterfly
butterfly1 carolina caroline casanova changeme changeme1 changeme123 charlie1 charlotte cheese123 chelsea1 chicken1
chocolate chocolate1 chopper1 christian christina christine christmas cocacola colorado computer computer1 consumer
creative danielle darkness december default1 diamond1 dinosaur dolphins dragon12 dragon123 elephant elizabeth
estrella ethereum evolution facebook falcon123 fernando ferrari1 fireball firebird football football1 football12
forever1 freedom1 fuckyou1 fuckyou123 garfield gabriel1 gangster godzilla gateway1 goldfish greenday guitar123
hallo123 hannah12 heather1 hello123 hello1234 helloworld hellokitty hercules hotmail1 iloveyou iloveyou1 iloveyou2
iloveyou12 iloveyou123 infinity internet internet1 isabella jackson1 jasmine1 jennifer jennifer1 jessica1 jonathan
jordan23 justin123 kimberly kristina lasvegas letmein1 letmein123 letmein12 liverpool liverpool1 loveyou1 lovelove
manchester margarita marlboro marseille master123 matthew1 maverick maxwell1 mercedes mermaid1 metallica michael1
michelle michelle1 midnight millions minecraft monkey12 monkey123 motorola mountain mustang1 mypassword nathan123
newyork1 nicholas nicole12 nintendo november nothing1 olivia123 p4ssw0rd p@$$w0rd p@ssw0rd p@ssword pa$$w0rd
pa55w0rd pa55word pakistan paradise parola12 pass1234 pass12345 passpass passw0rd passw0rd1 password password!
password. password0 password00 password01 password1 password1! password10 password11 password12 password123
password1234 password12345 password2 password22 password3 password4 password5 password7 password9 password99
patricia patrick1 peaches1 pebbles1 peterpan phoenix1 picasso1 pineapple playstation pokemon1 pokemon123 portugal
preston1 princess princess1 princess12 punisher q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazqazqaz qazwsx12 qazwsx123
qazwsxedc qazwsxedcrfv qqqqqqqq qwaszx12 qweasd123 qweasdzxc qweqweqwe qwer1234 qwerasdf qwert123 qwert12345
qwerty00 qwerty01 qwerty10 qwerty11 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty321 qwertyui
qwertyuio qwertyuiop qwertyuiop1 qwertz123 qwertzui qwertzuiop rainbow1 rammstein rangers1 rational1 realmadrid
rebecca1 remember richard1 robinson ronaldo7 rush2112 samantha samantha1 samsung1 samsung123 santiago satoshi1
savannah scarface scooter1 scorpion sebastian secret12 secret123 september shadow12 shadow123 shopping skywalker
slipknot smokey12 snickers snowball softball something spiderman spongebob starcraft starlight startrek starwars
starwars1 steelers stephanie strawberry sunflower sunshine sunshine1 superman superman1 superstar swordfish
sweetheart sweetpea tennis12 test1234 test12345 testtest thailand thunder1 tigger12 timberland tinkerbell trading1
trading123 trustno1 trustno11 truelove ultimate universe valentina vanessa1 veronica victoria victoria1 vincent1
volleyball w1w2w3w4 warcraft warrior1 welcome1 welcome12 welcome123 welcome1234 whatever whatever1 william1
winston1 wordpass wrestling xxxxxxxx yankees1 yellow12 zaq12wsx zaq1xsw2 zaq1zaq1 zaqxswcde zxcvbnm1 zxcvbnm123
zxcvbnm12 zxczxczxc zzzzzzzz correcthorsebatterystaple
"""

COMMON_PASSWORDS: frozenset[str] = frozenset(_LISTED.split())
